// The instruction sets of the CPU kernels: all are compiled in, and the best that the processor has is chosen
// when the program starts. Names are Highway's: AVX3 is AVX-512, SCALAR and EMU128 do without vector
// instructions.
#pragma once

#include <string>
#include <vector>

namespace mien {

std::string SimdTarget();                // what runs here
std::vector<std::string> SimdTargets();  // what is compiled in, best first
std::string SimdInWords();               // "AVX2 (of AVX3 AVX2 SSE4 SSSE3 SCALAR)"

}  // namespace mien
