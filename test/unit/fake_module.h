// A module by hand, as the compiler would emit it: a bigram model (one table of logits, cross entropy, AdamW) and a few
// banks that nothing computes with, for packing. Written in C++ so that the runtime can be tested without the compiler.
#ifndef MOTLEY_TEST_UNIT_FAKE_MODULE_H
#define MOTLEY_TEST_UNIT_FAKE_MODULE_H

#include "runtime/abi.h"

#include <cstdint>
#include <string>
#include <vector>

namespace fake {

inline constexpr int64_t rows = 24;
inline constexpr int64_t vocabulary = 16;
inline constexpr int64_t textEnd = 10; // text [0, 10), image [10, 16)

/// The manifest of the bigram module.
const char *manifestText();
/// Its table; lives as long as the program.
const motley_artifact_table *table();

} // namespace fake

#endif // MOTLEY_TEST_UNIT_FAKE_MODULE_H
