// AddressSanitizer's interface; without it, macros that do nothing.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define MIEN_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MIEN_ASAN 1
#endif
#endif

#ifdef MIEN_ASAN
#include <sanitizer/asan_interface.h>
#define MIEN_NO_ASAN [[gnu::no_sanitize("address")]]
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define MIEN_NO_ASAN
#endif
