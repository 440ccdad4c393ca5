#!/bin/sh
# The compiler for what torch.compile writes. From some of its kernels g++ 12 at -O3 makes programs that compute NaN
# where the processor has bfloat16 tiles (seen with PyTorch 2.15); at -O2 they are as fast and right.
for argument in "$@"; do
  shift
  case $argument in -O3) argument=-O2 ;; esac
  set -- "$@" "$argument"
done
exec g++ "$@"
