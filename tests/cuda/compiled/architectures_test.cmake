# cmake -P: the architectures that the build takes from toolkits that are not here, played by a script.
include(${CMAKE_CURRENT_LIST_DIR}/../../../kernels/cuda/architectures.cmake)
set(nvcc ${CMAKE_CURRENT_BINARY_DIR}/fake_nvcc.sh)

function(expect codes expected)
  list(JOIN codes "\\n" lines)
  file(WRITE ${nvcc} "#!/bin/sh\n[ \"$1\" = --list-gpu-code ] && printf '${lines}\\n'\n")
  file(CHMOD ${nvcc} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
  mien_cuda_architectures(${nvcc} found)
  if(NOT "${found}" STREQUAL "${expected}")
    message(FATAL_ERROR "${expected} expected, ${found} found")
  endif()
endfunction()

# 11.8, 12.4 (no Blackwell; its sm_90a is not sm_90), 12.9 (Thor under another number), 13.0.
expect("sm_35;sm_50;sm_75;sm_80;sm_86;sm_87;sm_89;sm_90" "80-real;86-real;87-real;89-real;90-real;90-virtual")
expect("sm_75;sm_80;sm_86;sm_87;sm_89;sm_90;sm_90a" "80-real;86-real;87-real;89-real;90-real;90-virtual")
expect("sm_75;sm_80;sm_86;sm_87;sm_89;sm_90;sm_100;sm_101;sm_103;sm_120;sm_121"
       "80-real;86-real;87-real;89-real;90-real;100-real;103-real;120-real;121-real;121-virtual")
expect("sm_75;sm_80;sm_86;sm_87;sm_88;sm_89;sm_90;sm_100;sm_103;sm_110;sm_120;sm_121"
       "80-real;86-real;87-real;89-real;90-real;100-real;103-real;110-real;120-real;121-real;121-virtual")
