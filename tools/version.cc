#include "tools/version.h"

#include "commit.h"

namespace mien {

const ProgramVersion kThisProgram = {MIEN_VERSION, MIEN_COMMIT, MIEN_COMPILER};

}  // namespace mien
