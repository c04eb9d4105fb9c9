// Names and widths of the PTX types.
#include "ptx/Module.h"

#include "llvm/ADT/StringSwitch.h"

namespace ptxsim::ptx {

namespace {
struct TypeFacts {
  const char *name;
  uint8_t bits;
  bool isFloat, isSigned;
};
} // namespace

// In the order of the enumeration.
static constexpr TypeFacts facts[] = {
    {"", 0, false, false},       {"pred", 1, false, false},    {"b8", 8, false, false},     {"u8", 8, false, false},
    {"s8", 8, false, true},      {"b16", 16, false, false},    {"u16", 16, false, false},   {"s16", 16, false, true},
    {"b32", 32, false, false},   {"u32", 32, false, false},    {"s32", 32, false, true},    {"b64", 64, false, false},
    {"u64", 64, false, false},   {"s64", 64, false, true},     {"b128", 128, false, false}, {"f16", 16, true, false},
    {"bf16", 16, true, false},   {"f32", 32, true, false},     {"f64", 64, true, false},    {"tf32", 32, true, false},
    {"e4m3", 8, true, false},    {"e5m2", 8, true, false},     {"e3m2", 8, true, false},    {"e2m3", 8, true, false},
    {"e2m1", 4, true, false},    {"ue8m0", 8, true, false},    {"f16x2", 32, true, false},  {"bf16x2", 32, true, false},
    {"e4m3x2", 16, true, false}, {"e5m2x2", 16, true, false},  {"e2m1x2", 8, true, false},  {"e3m2x2", 16, true, false},
    {"e2m3x2", 16, true, false}, {"ue8m0x2", 16, true, false}, {"u16x2", 32, false, false}, {"s16x2", 32, false, true},
    {"f32x2", 64, true, false},  {"b1", 1, false, false},      {"u4", 4, false, false},     {"s4", 4, false, true},
};
static_assert(std::size(facts) == size_t(Type::S4) + 1);

unsigned bitWidth(Type type) { return facts[size_t(type)].bits; }
bool isFloat(Type type) { return facts[size_t(type)].isFloat; }
bool isSigned(Type type) { return facts[size_t(type)].isSigned; }
llvm::StringRef name(Type type) { return facts[size_t(type)].name; }

Type typeNamed(llvm::StringRef text) {
  if (text.size() < 2 || text.size() > 7)
    return Type::None;
  for (size_t k = 1; k < std::size(facts); ++k)
    if (text == facts[k].name)
      return Type(k);
  return Type::None;
}

} // namespace ptxsim::ptx
