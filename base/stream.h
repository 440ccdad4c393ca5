// What is read from its beginning to its end and written likewise: pipes, terminals, sockets, devices. Every wait ends
// within a tenth of a second of a stop (interrupt.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/file.h"

namespace mien {

// The most that FirstBytes is shown.
constexpr size_t kFirstBytes = 512;

// Looks at the first bytes of an input, fewer than kFirstBytes when it is shorter. An error refuses the input before
// more of it is read or kept.
using FirstBytes = std::function<Status(std::span<const std::byte>)>;

// "stdin" for "-", otherwise the path: what messages call an input.
std::string InputName(const std::string& path);

// Whether the input is read as a stream: stdin, a FIFO, a device.
bool IsStream(const std::string& path);

// The input `path` ("-" is stdin), of at most `limit` bytes. A regular file is read when asked for; a stream (stdin, a
// FIFO, /dev/stdin, the shell's <(...), a device) is read to its end here and kept in memory. Errors, whose messages
// begin with the input's name: kFailure for a folder and for what the system says, `too_large` beyond the limit,
// kInterrupted, kMemory.
Result<std::shared_ptr<const ByteSource>> OpenInput(const std::string& path, uint64_t limit, Code too_large,
                                                    const FirstBytes& check = {});

// Whether an output is written as a stream, as it comes: a FIFO, a character device, and the open descriptor that
// /dev/stdout, /dev/stderr, /dev/fd/N or /proc/self/fd/N names, whatever it is: a file that is opened anew by that name
// would be written from its beginning, over what its owner has written.
bool IsOutputStream(const std::string& path);
// Whether it can be written, as far as that shows without opening it, which the other end of a FIFO would notice.
Status CheckOutputStream(const std::string& path);
// A descriptor of the caller's own. Waits for the reader of a FIFO.
Result<int> OpenOutputStream(const std::string& path);

// All of `bytes` to an open descriptor, called `name` in messages. kInterrupted when a stop comes while the reader does
// not read; after a stop at most one more piece of 4 KiB (the last message) is written, if there is room for it.
Status WriteStream(int descriptor, const char* name, std::span<const std::byte> bytes);

}  // namespace mien
