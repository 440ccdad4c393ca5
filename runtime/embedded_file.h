// A file as it is, 64-byte aligned in the read-only data of the program, between two symbols.
#pragma once

#include <cstddef>

#define MIEN_EMBED_FILE(symbol, path)                                          \
  __asm__(                                                                     \
      ".pushsection .rodata\n"                                                 \
      ".balign 64\n" #symbol "_begin:\n"                                       \
      ".incbin \"" path "\"\n" #symbol "_end:\n"                               \
      ".popsection\n");                                                        \
  extern "C" const std::byte symbol##_begin[] __attribute__((visibility("hidden"))); \
  extern "C" const std::byte symbol##_end[] __attribute__((visibility("hidden")))
