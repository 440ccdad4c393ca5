// A request to stop, from outside: SIGINT, SIGTERM and SIGHUP set a flag. Long work looks at it between steps, and
// every loop over the bytes of a file or stream does (file.h, stream.h, buffer.h); the answer is kInterrupted, so that
// destructors remove what is unfinished. The flag is never set in a process that does not install the handlers: a
// program that uses the library keeps its signals to itself.
#pragma once

#include <atomic>

#include "base/status.h"

namespace mien {

// For the program, once, before it does anything:
//  * the first SIGINT, SIGTERM or SIGHUP sets the flag, the next one ends the process at once; a signal that whoever
//    started the process has ignored (nohup, a job in the background of a script) stays ignored;
//  * SIGPIPE and SIGXFSZ are ignored: a write to a closed pipe or beyond the file-size limit answers an error instead.
void InstallSignalHandlers();
const std::atomic<bool>& InterruptFlag();
Status CheckInterrupt();  // kInterrupted once a signal came

}  // namespace mien
