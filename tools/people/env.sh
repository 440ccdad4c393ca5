# Debian's PyTorch uses whatever BLAS it finds; the reference BLAS is thirty times slower than
# OpenBLAS. BLAS_DIR may point to a folder with OpenBLAS's libblas.so.3.
export OPENBLAS_NUM_THREADS=1 LD_LIBRARY_PATH=${BLAS_DIR:-}:${LD_LIBRARY_PATH:-}
