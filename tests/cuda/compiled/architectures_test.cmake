# cmake -P: the architectures that the build takes from toolkits that are not here, played by a script.
include(${CMAKE_CURRENT_LIST_DIR}/../../../kernels/cuda/architectures.cmake)
if(DEFINED ASK)  # run by this script itself, to fail
  mien_cuda_architectures(${NVCC} "${ASK}" found)
  return()
endif()
set(nvcc ${CMAKE_CURRENT_BINARY_DIR}/fake_nvcc.sh)
set(query ${CMAKE_CURRENT_BINARY_DIR}/__nvcc_device_query)

function(program path text)
  file(WRITE ${path} "#!/bin/sh\n${text}")
  file(CHMOD ${path} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
endfunction()

function(expect codes expected)
  list(JOIN codes "\\n" lines)
  program(${nvcc} "[ \"$1\" = --list-gpu-code ] && printf '${lines}\\n'\n")
  mien_cuda_architectures(${nvcc} "${ARGN}" found)
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

# What is asked for.
set(of_13 "sm_75;sm_80;sm_86;sm_87;sm_89;sm_90;sm_90a;sm_100;sm_120")
expect("${of_13}" "87-real;87-virtual" 87)
expect("${of_13}" "87-real" 87-real)
expect("${of_13}" "80-real;90-virtual" 80-real 90-virtual)
expect("${of_13}" "90a-real;90a-virtual" 90a)
expect("${of_13}" "80-real;90-real;100-real;120-real;120-virtual" all-major)
expect("${of_13}" "80-real;86-real;87-real;89-real;90-real;100-real;120-real;120-virtual" all)
program(${query} "printf '87,87'")
expect("${of_13}" "87-real" native)

function(refuse asked words)
  execute_process(COMMAND ${CMAKE_COMMAND} "-DASK=${asked}" "-DNVCC=${nvcc}" -P ${CMAKE_CURRENT_LIST_FILE}
    ERROR_VARIABLE said RESULT_VARIABLE status)
  string(REGEX REPLACE "[ \n]+" " " said "${said}")
  if(NOT status OR NOT said MATCHES "${words}")
    message(FATAL_ERROR "${asked}: '${words}' expected, ${status} and '${said}' found")
  endif()
endfunction()
refuse(75 "sm_75 lacks instructions of the kernels, 80 or more expected")
refuse(88 "this toolkit does not know sm_88")
refuse(jetson "jetson is no architecture")
program(${query} "exit 1")
refuse(native "no device is found here")
