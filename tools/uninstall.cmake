# Takes away the files that the last installation of a build wrote; folders stay. cmake -D BUILD=... -P
set(manifest ${BUILD}/install_manifest.txt)
if(NOT EXISTS ${manifest})
  message(FATAL_ERROR "${manifest} is not there: nothing was installed from this build")
endif()
file(STRINGS ${manifest} files)
list(LENGTH files count)
file(REMOVE ${files})
message(STATUS "${count} files of the last installation are gone")
