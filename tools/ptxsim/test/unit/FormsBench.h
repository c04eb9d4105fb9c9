// Kernels made of the instruction table's own spellings: a sample of a family in which every word of every row occurs.
#pragma once

#include "AsyncBench.h"
#include "ptx/InstructionTable.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <random>
#include <set>

namespace ptxsim::test {

/// One way to write a row of the table.
struct Spelling {
  const ptx::Form *form;
  std::vector<std::string> parts;
  std::string text;
  ptx::Type type = ptx::Type::None; ///< the last one
  unsigned elements = 1;            ///< .v2, .v4, .v8

  Spelling(const ptx::Form &form, std::vector<std::string> pieces)
      : form(&form), parts(std::move(pieces)), text(llvm::join(parts, ".")) {
    for (const std::string &part : llvm::drop_begin(parts)) {
      if (ptx::Type named = ptx::typeNamed(part); named != ptx::Type::None)
        type = named;
      if (part == "v2" || part == "v4" || part == "v8")
        elements = unsigned(part[1] - '0');
    }
  }
  bool has(llvm::StringRef part) const { return llvm::is_contained(llvm::drop_begin(parts), part); }
  std::string first(std::initializer_list<const char *> choices, const char *otherwise = "") const {
    for (const char *choice : choices)
      if (has(choice))
        return choice;
    return otherwise;
  }
  unsigned bytes() const { return ptx::bitWidth(type) / 8; } ///< of an element
};

/// Of each row that is `wanted` spellings in which each of the row's words occurs, also its absence where the row
/// allows that, and each value of `key`. The same ones every time.
template <class Wanted, class Key> std::vector<Spelling> sample(Wanted wanted, Key key) {
  std::vector<Spelling> result;
  std::mt19937 random(1);
  for (const ptx::Form &form : ptx::instructionTable()) {
    if (!wanted(form))
      continue;
    std::vector<Spelling> all;
    std::set<std::string> words;
    for (std::vector<std::string> &parts : ptx::spellings(form)) {
      all.emplace_back(form, std::move(parts));
      words.insert(all.back().parts.begin(), all.back().parts.end());
    }
    std::shuffle(all.begin(), all.end(), random);
    std::set<std::string> seen;
    for (Spelling &spelling : all) {
      bool isNew = seen.insert("key " + key(spelling)).second;
      for (const std::string &word : words)
        isNew |= seen.insert((spelling.has(word) ? "with " : "without ") + word).second;
      if (isNew)
        result.push_back(std::move(spelling));
    }
  }
  return result;
}

inline bool isFamily(const ptx::Form &form, llvm::StringRef family) { return form.family == family; }
inline bool hasOpcode(const ptx::Form &form, std::initializer_list<llvm::StringRef> opcodes) {
  return llvm::is_contained(
      opcodes, llvm::StringRef(form.pattern).take_until([](char c) { return llvm::StringRef(".{(").contains(c); }));
}

/// The launches of a test of forms: plain, and with every check, which must find nothing.
inline std::vector<Options> plainAndChecked() {
  std::vector<Options> result(2);
  result[0].checks = CheckSet::memorySafety();
  result[1].checks = CheckSet::all();
  for (Options &options : result)
    options.timeLimit = std::chrono::seconds(20);
  return result;
}

inline std::string number(uint64_t value) { return std::to_string(value); }

/// A vector operand `{%r0, %r1}`, or `%r0` alone.
inline std::string registers(const std::string &prefix, unsigned count) {
  if (count == 1)
    return prefix + "0";
  std::string text;
  for (unsigned k = 0; k < count; ++k)
    text += (k ? ", " : "{") + prefix + number(k);
  return text + "}";
}

/// Bytes that depend on nothing but the seed.
inline std::vector<uint8_t> randomBytes(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<uint8_t> bytes(count);
  for (uint8_t &byte : bytes)
    byte = uint8_t(random());
  return bytes;
}

} // namespace ptxsim::test
