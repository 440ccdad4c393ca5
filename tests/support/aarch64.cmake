# Cross-compiles for aarch64 with Debian's compiler and runs the tests by qemu (tests/aarch64.sh). MIEN_AARCH64_ROOT:
# libraries.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L /usr/aarch64-linux-gnu)

set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES MIEN_AARCH64_ROOT)
set(CMAKE_FIND_ROOT_PATH ${MIEN_AARCH64_ROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
# Some headers depend on the processor and lie in a folder of its name, as the configuration of libjpeg.
set(CMAKE_CXX_FLAGS_INIT "-isystem ${MIEN_AARCH64_ROOT}/usr/include/aarch64-linux-gnu")
# libpng needs libz, which it finds here and not in the cross compiler's own folders.
set(mien_aarch64_libraries ${MIEN_AARCH64_ROOT}/usr/lib/aarch64-linux-gnu:${MIEN_AARCH64_ROOT}/lib/aarch64-linux-gnu)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,-rpath-link,${mien_aarch64_libraries}")
set(CMAKE_SHARED_LINKER_FLAGS_INIT ${CMAKE_EXE_LINKER_FLAGS_INIT})
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${MIEN_AARCH64_ROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${MIEN_AARCH64_ROOT}/usr/lib/aarch64-linux-gnu/pkgconfig)
