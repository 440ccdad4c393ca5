// The cases of every op: one line per op of ops.def, in alphabetical order.
#pragma once

#include "kernels/case.h"
#include "kernels/ops.h"
