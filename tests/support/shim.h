// What a machine refuses: the shared library mien_shim stands before the C library's functions that take
// memory, start threads and use files, and lets the k-th of them fail. A test program that is linked with it
// arms it by these functions; a program that it is preloaded into is armed by its environment:
//
//   MIEN_FAULT=KIND:K[+]   KIND is memory, thread or file; call K fails (from 0), with + every later one too
//
//   MIEN_FAULT_EXITS=N     N functions are registered for the end: the C library keeps 32 of them in a block, so N says
//                          where in the program it wants another block
//   MIEN_FAULT_COUNT=FILE  at its end the program writes the number of calls of that kind there
#pragma once

namespace mien::testing {

enum class Fault { kMemory, kThread, kFile };

// Calls of `kind` are counted from now on, and call number `at` fails, with `all_later` each after it too.
void Arm(Fault kind, long at, bool all_later);
long Disarm();           // nothing fails any more; the calls that were counted
const char* FileCalls();  // since the last Arm(kFile, ...): "fsync close "
long LiveAllocations();  // blocks of memory that are taken and not given back

}  // namespace mien::testing
