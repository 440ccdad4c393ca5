# Writes RESULT, a header with the commit of the tree SOURCE; "-dirty" where it has changes, "unknown" where git cannot
# say. The file stays as it is where it would say the same.
execute_process(COMMAND git -c safe.directory=* -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
  OUTPUT_VARIABLE commit ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
if(failed OR NOT commit)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${RESULT} CONTENT "#define MIEN_COMMIT \"${commit}\"\n" @ONLY)
