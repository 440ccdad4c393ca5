#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

// Under AddressSanitizer an allocation that cannot be had answers null, as it does without: tests ask for such.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
