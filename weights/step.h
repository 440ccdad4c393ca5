// For parsers that take millions of small steps: a Status is a kilobyte, so a step answers with a bool and leaves the
// one error behind.
#pragma once

#define MIEN_STEP(expression)        \
  do {                               \
    if (!(expression)) return false; \
  } while (0)
