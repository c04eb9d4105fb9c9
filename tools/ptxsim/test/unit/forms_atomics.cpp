// Every form of atom and red. Each spelling updates a cell of each thread's own, where the result is a plain function
// of the operands, and one cell by all threads of a warp, where the old values that the threads got must make a chain
// from the first value to the last. Two blocks form a cluster, so that .shared::cluster means the other block's memory.
#include "FormsBench.h"

#include <bit>
#include <cmath>

using namespace ptxsim;
using namespace ptxsim::test;
using ptx::Type;

namespace {

constexpr unsigned kThreads = 32, kBlocks = 2, kChunk = 32, kCell = 16;
/// What a thread reads for a spelling: first value of its own cell; operands there; operands for the common cell.
constexpr unsigned kRecord = 5 * kCell, kOut = 2 * kCell;
enum Field { First, OwnB, OwnC, CommonB, CommonC };

enum class Target { Global, Shared, OtherShared };
struct Update {
  Spelling spelling;
  Target target;
  bool generic;
  std::string operation;
  bool returns() const { return spelling.parts[0] == "atom"; }
};

using Wide = unsigned __int128;

// --- The model: one element.

struct Narrow {
  int mantissa, leastExponent; ///< explicit bits; of the smallest normal number
  double largest;
};
constexpr Narrow kHalf{10, -14, 65504}, kBfloat{7, -126, 0x1.fep127};

double decode(uint16_t bits, const Narrow &format) {
  const int exponentBits = 15 - format.mantissa, top = (1 << exponentBits) - 1;
  const int exponent = bits >> format.mantissa & top, fraction = bits & ((1 << format.mantissa) - 1);
  double value = exponent == top ? (fraction ? NAN : INFINITY)
                 : exponent == 0 ? std::ldexp(fraction, format.leastExponent - format.mantissa)
                                 : std::ldexp(fraction + (1 << format.mantissa),
                                              exponent - 1 + format.leastExponent - format.mantissa);
  return bits >> 15 ? -value : value;
}

/// The nearest number of the format, ties to even.
uint16_t encode(double value, const Narrow &format) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0, infinity = 0x7fff >> format.mantissa << format.mantissa;
  if (std::isnan(value))
    return 0x7fff;
  double magnitude = std::fabs(value);
  int exponent = magnitude == 0 ? format.leastExponent : std::max(std::ilogb(magnitude), format.leastExponent);
  const double unit = std::ldexp(1.0, exponent - format.mantissa);
  if (std::isinf(magnitude) || std::nearbyint(magnitude / unit) * unit > format.largest)
    return sign | infinity;
  const int steps = int(std::nearbyint(magnitude / unit)); // 2^mantissa steps reach the next exponent by themselves
  return uint16_t(sign | (steps + ((exponent - format.leastExponent) << format.mantissa)));
}

uint16_t combineNarrow(const std::string &operation, uint16_t a, uint16_t b, const Narrow &format) {
  const double x = decode(a, format), y = decode(b, format);
  if (operation == "add")
    return encode(x + y, format); // exact in double for the operands that are drawn
  if (std::isnan(x) || std::isnan(y))
    return std::isnan(x) && std::isnan(y) ? 0x7fff : std::isnan(x) ? b : a;
  const bool firstIsLess = x < y || (x == y && a >> 15 > b >> 15);
  return firstIsLess == (operation == "min") ? a : b;
}

/// atom.add.f32 flushes subnormals in global memory and keeps them in shared memory (PTX ISA 9.0, "atom").
uint32_t addFloats(uint32_t a, uint32_t b, bool global) {
  auto flush = [&](float value) { return global && std::fabs(value) < 0x1p-126f ? std::copysign(0.0f, value) : value; };
  return std::bit_cast<uint32_t>(flush(flush(std::bit_cast<float>(a)) + flush(std::bit_cast<float>(b))));
}

Wide updated(const Update &update, Wide old, Wide b, Wide c) {
  const std::string &operation = update.operation;
  const Type type = update.spelling.type;
  const unsigned width = ptx::bitWidth(type);
  if (operation == "exch")
    return b;
  if (operation == "cas")
    return old == b ? c : old;
  if (operation == "and")
    return old & b;
  if (operation == "or")
    return old | b;
  if (operation == "xor")
    return old ^ b;
  if (operation == "inc")
    return old >= b ? 0 : old + 1;
  if (operation == "dec")
    return old == 0 || old > b ? b : old - 1;
  if (type == Type::F16 || type == Type::BF16 || type == Type::F16x2 || type == Type::BF16x2) {
    const Narrow &format = type == Type::F16 || type == Type::F16x2 ? kHalf : kBfloat;
    Wide result = 0;
    for (unsigned bit = 0; bit < width; bit += 16)
      result |= Wide(combineNarrow(operation, uint16_t(old >> bit), uint16_t(b >> bit), format)) << bit;
    return result;
  }
  if (type == Type::F32)
    return addFloats(uint32_t(old), uint32_t(b), update.target == Target::Global);
  if (type == Type::F64)
    return std::bit_cast<uint64_t>(std::bit_cast<double>(uint64_t(old)) + std::bit_cast<double>(uint64_t(b)));
  if (operation == "add")
    return width == 32 ? uint32_t(old + b) : uint64_t(old + b);
  const bool less = type == Type::S32   ? int32_t(b) < int32_t(old)
                    : type == Type::S64 ? int64_t(b) < int64_t(old)
                                        : b < old;
  return less == (operation == "min") ? b : old;
}

/// Equal, or NaNs both.
bool same(Type type, Wide a, Wide b) {
  if (a == b)
    return true;
  auto nan16 = [](uint16_t x, const Narrow &format) { return std::isnan(decode(x, format)); };
  switch (type) {
  case Type::F32:
    return std::isnan(std::bit_cast<float>(uint32_t(a))) && std::isnan(std::bit_cast<float>(uint32_t(b)));
  case Type::F64:
    return std::isnan(std::bit_cast<double>(uint64_t(a))) && std::isnan(std::bit_cast<double>(uint64_t(b)));
  case Type::F16:
  case Type::BF16:
  case Type::F16x2:
  case Type::BF16x2: {
    const Narrow &format = type == Type::F16 || type == Type::F16x2 ? kHalf : kBfloat;
    for (unsigned bit = 0; bit < ptx::bitWidth(type); bit += 16) {
      const uint16_t x = uint16_t(a >> bit), y = uint16_t(b >> bit);
      if (x != y && !(nan16(x, format) && nan16(y, format)))
        return false;
    }
    return true;
  }
  default:
    return false;
  }
}

/// Whether the updates old -> next, each once, lead from `first` to `last` in some order: whether they are the edges of
/// an Eulerian trail.
bool isChain(Wide first, Wide last, const std::vector<std::pair<Wide, Wide>> &steps) {
  std::map<Wide, std::vector<Wide>> edges;
  for (auto [old, next] : steps)
    edges[old].push_back(next);
  // Hierholzer: the trail is found backwards.
  std::vector<Wide> stack{first}, trail;
  while (!stack.empty()) {
    std::vector<Wide> &out = edges[stack.back()];
    if (out.empty()) {
      trail.push_back(stack.back());
      stack.pop_back();
    } else {
      const Wide next = out.back();
      out.pop_back();
      stack.push_back(next);
    }
  }
  std::reverse(trail.begin(), trail.end());
  if (trail.size() != steps.size() + 1 || trail.back() != last)
    return false;
  std::multiset<std::pair<Wide, Wide>> walked, wanted(steps.begin(), steps.end());
  for (size_t k = 0; k + 1 < trail.size(); ++k)
    walked.insert({trail[k], trail[k + 1]});
  return walked == wanted;
}

// --- Operands.

uint64_t drawOwn(std::mt19937_64 &random, Type type) {
  const unsigned choice = random() % 6;
  auto narrow = [&](const Narrow &format) -> uint64_t {
    const uint64_t sign = random() & 0x8000, fraction = random() & ((1u << format.mantissa) - 1),
                   top = 0x7fffu >> format.mantissa;
    // Exponents of bfloat16 keep together, so that sums are exact in double.
    const uint64_t exponent = choice == 0   ? 0
                              : choice == 1 ? top
                              : choice == 2 ? top - 1
                                            : (format.mantissa == 7 ? 110 + random() % 30 : random() % top);
    if (choice == 2 && format.mantissa == 7)
      return sign | (top - 1 - random() % 3) << format.mantissa | fraction;
    return sign | exponent << format.mantissa | (choice == 1 && random() % 2 ? 0 : fraction);
  };
  switch (type) {
  case Type::F16:
    return narrow(kHalf);
  case Type::BF16:
    return narrow(kBfloat);
  case Type::F16x2:
    return narrow(kHalf) | narrow(kHalf) << 16;
  case Type::BF16x2:
    return narrow(kBfloat) | narrow(kBfloat) << 16;
  case Type::F32: {
    static constexpr uint32_t special[] = {0, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000,
                                           1, 0x807fffff, 0x00800000, 0x7f7fffff, 0x80800001};
    return choice < 3 ? special[random() % 10] : std::bit_cast<uint32_t>(float(int64_t(random() % 4001) - 2000) / 7);
  }
  case Type::F64: {
    static constexpr uint64_t special[] = {
        0, 1ull << 63,         0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000,
        1, 0x800fffffffffffff, 0x7fefffffffffffff};
    return choice < 3 ? special[random() % 8] : std::bit_cast<uint64_t>(double(int64_t(random() % 4001) - 2000) / 7);
  }
  default:
    // Few values, so that comparisons come out either way; some at the ends of the ranges.
    return choice < 3 ? random() % 6 : choice == 3 ? ~(random() % 3) : choice == 4 ? 1ull << random() % 64 : random();
  }
}

/// For the common cell: small whole numbers, whose sums are exact in any order.
uint64_t drawCommon(std::mt19937_64 &random, Type type) {
  const double whole = double(random() % 8);
  switch (type) {
  case Type::F16:
    return encode(whole, kHalf);
  case Type::BF16:
    return encode(whole, kBfloat);
  case Type::F16x2:
    return encode(whole, kHalf) | uint64_t(encode(double(random() % 8), kHalf)) << 16;
  case Type::BF16x2:
    return encode(whole, kBfloat) | uint64_t(encode(double(random() % 8), kBfloat)) << 16;
  case Type::F32:
    return std::bit_cast<uint32_t>(float(whole));
  case Type::F64:
    return std::bit_cast<uint64_t>(whole);
  default:
    return random();
  }
}

Wide valueAt(const uint8_t *cell, const Spelling &spelling, unsigned element) {
  Wide value = 0;
  std::memcpy(&value, cell + element * spelling.bytes(), spelling.bytes());
  return value;
}
void setValue(uint8_t *cell, const Spelling &spelling, unsigned element, Wide value) {
  std::memcpy(cell + element * spelling.bytes(), &value, spelling.bytes());
}

/// Fills the records of a spelling's warp and the first value of the common cell.
void drawSpelling(std::mt19937_64 &random, const Update &update, uint8_t *records, uint8_t *common) {
  const Spelling &spelling = update.spelling;
  for (unsigned e = 0; e < spelling.elements; ++e) {
    const bool isCas = update.operation == "cas", isCount = update.operation == "inc" || update.operation == "dec";
    const Wide start = isCount ? 3 : drawCommon(random, spelling.type);
    setValue(common, spelling, e, start);
    for (unsigned thread = 0; thread < kThreads; ++thread) {
      uint8_t *record = records + thread * kRecord;
      auto cell = [&](Field field) { return record + field * kCell; };
      auto both = [&](auto draw) { return Wide(draw(random, spelling.type)) | Wide(random()) << 64; };
      setValue(cell(First), spelling, e, both(drawOwn));
      setValue(cell(OwnB), spelling, e, isCas && thread % 3 ? valueAt(cell(First), spelling, e) : both(drawOwn));
      setValue(cell(OwnC), spelling, e, both(drawOwn));
      // The threads of the common cell take over from each other where they come in order.
      setValue(cell(CommonB), spelling, e, isCas ? start + thread : isCount ? 20 : both(drawCommon));
      setValue(cell(CommonC), spelling, e, start + thread + 1);
    }
  }
}

// --- The kernel.

std::string prefixOf(const Spelling &spelling) {
  const unsigned bits = ptx::bitWidth(spelling.type);
  return bits == 16 ? "%h" : bits == 32 ? "%r" : bits == 64 ? "%d" : "%q";
}

std::string operands(const Spelling &spelling, char which) {
  std::string text;
  for (unsigned e = 0; e < spelling.elements; ++e)
    text += (e ? ", " : "") + prefixOf(spelling) + which + number(e);
  return spelling.elements > 1 ? "{" + text + "}" : text;
}

std::string loadField(const Spelling &spelling, unsigned offset, char which) {
  std::string text;
  const std::string prefix = prefixOf(spelling) + which;
  for (unsigned e = 0; e < spelling.elements; ++e) {
    const std::string at = "[%in+" + number(offset + e * spelling.bytes()) + "]";
    text += spelling.bytes() == 16
                ? "ld.global.v2.b64 {%d0, %d1}, " + at + ";\nmov.b128 " + prefix + "0, {%d0, %d1};\n"
                : "ld.global.b" + number(8 * spelling.bytes()) + " " + prefix + number(e) + ", " + at + ";\n";
  }
  return text;
}

std::string storeOld(const Spelling &spelling, unsigned offset) {
  if (spelling.bytes() == 16)
    return "mov.b128 {%d0, %d1}, %qo0;\nst.global.v2.b64 [%out+" + number(offset) + "], {%d0, %d1};\n";
  std::string text;
  for (unsigned e = 0; e < spelling.elements; ++e)
    text += "st.global.b" + number(8 * spelling.bytes()) + " [%out+" + number(offset + e * spelling.bytes()) + "], " +
            prefixOf(spelling) + "o" + number(e) + ";\n";
  return text;
}

std::string cellAddress(const Update &update, unsigned k, bool common) {
  const char *base = update.target == Target::Global   ? "%cells"
                     : update.target == Target::Shared ? (update.generic ? "%gshared" : "%shared")
                                                       : (update.generic ? "%gother" : "%other");
  return std::string("[") + base + (common ? "c" : "") + "+" + number(k * kCell * (common ? 1 : kThreads)) + "]";
}

std::string instructions(const Update &update, unsigned k) {
  const Spelling &spelling = update.spelling;
  std::string text;
  for (bool common : {false, true}) {
    const unsigned record = k * kThreads * kRecord;
    text += loadField(spelling, record + (common ? CommonB : OwnB) * kCell, 'b');
    if (update.operation == "cas")
      text += loadField(spelling, record + (common ? CommonC : OwnC) * kCell, 'c');
    text += spelling.text + " " + (update.returns() ? operands(spelling, 'o') + ", " : "") +
            cellAddress(update, k, common) + ", " + operands(spelling, 'b') +
            (update.operation == "cas" ? ", " + operands(spelling, 'c') : "") +
            (spelling.has("L2::cache_hint") ? ", %policy" : "") + ";\n";
    if (update.returns())
      text += storeOld(spelling, k * kThreads * kOut + (common ? kCell : 0));
  }
  return text;
}

/// Shared cells are filled from, or copied to, global ones.
std::string copyShared(const std::vector<Update> &updates, bool in) {
  std::string text;
  for (unsigned k = 0; k < updates.size(); ++k)
    for (bool common : {false, true}) {
      if (updates[k].target == Target::Global)
        continue;
      Update own = updates[k], global = own;
      own.target = Target::Shared, own.generic = false;
      global.target = Target::Global;
      const std::string to = cellAddress(own, k, common), from = cellAddress(global, k, common);
      const std::string guard = common ? "@%first " : "";
      text += in ? guard + "ld.global.v2.b64 {%d0, %d1}, " + from + ";\n" + guard + "st.shared.v2.b64 " + to +
                       ", {%d0, %d1};\n"
                 : guard + "ld.shared.v2.b64 {%d0, %d1}, " + to + ";\n" + guard + "st.global.v2.b64 " + from +
                       ", {%d0, %d1};\n";
    }
  return text;
}

std::string kernelOf(const std::vector<Update> &updates) {
  const unsigned count = updates.size();
  const char *const barrier = "barrier.cluster.arrive;\nbarrier.cluster.wait;\n";
  std::string text =
      std::string(kHeader) +
      ".visible .entry k(.param .u64 in, .param .u64 out, .param .u64 cells, .param .u64 common)\n{\n"
      ".reg .b16 %hb<8>, %hc<8>, %ho<8>;\n.reg .b32 %rb<8>, %rc<8>, %ro<8>, %r<4>, %lane, %rank;\n"
      ".reg .b64 %db<4>, %dc<4>, %do<4>, %d<4>, %in, %out, %cells, %cellsc, %gshared, %gsharedc, %gother, "
      "%gotherc, %policy;\n.reg .b32 %shared, %sharedc, %other, %otherc;\n.reg .b128 %qb<1>, %qc<1>, "
      "%qo<1>;\n.reg .pred %first;\n.shared .align 16 .b8 own[" +
      number(count * kThreads * kCell) + "];\n.shared .align 16 .b8 all[" + number(count * kCell) +
      "];\nmov.u32 %lane, %tid.x;\nmov.u32 %rank, %cluster_ctarank;\nsetp.eq.u32 %first, %lane, 0;\n"
      "createpolicy.fractional.L2::evict_last.b64 %policy, 1.0;\n";
  struct {
    const char *base, *parameter;
    unsigned bytes;
  } const arrays[] = {{"%in", "in", kRecord}, {"%out", "out", kOut}, {"%cells", "cells", kCell}};
  for (const auto &array : arrays)
    text += std::string("ld.param.u64 ") + array.base + ", [" + array.parameter + "];\nmad.lo.u32 %r0, %rank, " +
            number(count * kThreads) + ", %lane;\nmul.wide.u32 %d0, %r0, " + number(array.bytes) + ";\nadd.u64 " +
            array.base + ", " + array.base + ", %d0;\n";
  text += "ld.param.u64 %cellsc, [common];\nmul.wide.u32 %d0, %rank, " + number(count * kCell) +
          ";\nadd.u64 %cellsc, %cellsc, %d0;\nxor.b32 %r1, %rank, 1;\nmov.u32 %r0, own;\n"
          "mad.lo.u32 %shared, %lane, 16, %r0;\nmov.u32 %sharedc, all;\n";
  for (const char *which : {"", "c"}) {
    const std::string c = which;
    text += "mapa.shared::cluster.u32 %other" + c + ", %shared" + c + ", %r1;\ncvt.u64.u32 %d0, %shared" + c +
            ";\ncvta.shared.u64 %gshared" + c + ", %d0;\nmapa.u64 %gother" + c + ", %gshared" + c + ", %r1;\n";
  }
  text += copyShared(updates, true) + barrier;
  for (unsigned k = 0; k < count; ++k)
    text += instructions(updates[k], k);
  return text + barrier + copyShared(updates, false) + "ret;\n}\n";
}

// --- The comparison.

std::string hex(Wide value) {
  return "0x" + (value >> 64 ? llvm::utohexstr(uint64_t(value >> 64), true) + "_" : "") +
         llvm::utohexstr(uint64_t(value), true);
}

struct Memory {
  std::vector<uint8_t> records, out, cells, common;
};

/// Block `block` has executed `update`, number k of `count`; its cells lay with block `owner`.
void compare(const Update &update, unsigned k, unsigned count, unsigned block, const Memory &before,
             const Memory &after) {
  const Spelling &spelling = update.spelling;
  const unsigned owner = update.target == Target::OtherShared ? 1 - block : block;
  for (unsigned e = 0; e < spelling.elements; ++e) {
    std::vector<std::pair<Wide, Wide>> steps;
    const uint8_t *commonBefore = &before.common[(owner * count + k) * kCell],
                  *commonAfter = &after.common[(owner * count + k) * kCell];
    Wide inOrder = valueAt(commonBefore, spelling, e);
    for (unsigned thread = 0; thread < kThreads; ++thread) {
      const size_t at = (block * count + k) * kThreads + thread, cell = (owner * count + k) * kThreads + thread;
      const uint8_t *record = &before.records[at * kRecord], *out = &after.out[at * kOut];
      auto field = [&](Field which) { return valueAt(record + which * kCell, spelling, e); };
      const Wide old = valueAt(&before.cells[cell * kCell], spelling, e),
                 got = valueAt(&after.cells[cell * kCell], spelling, e),
                 expected = updated(update, old, field(OwnB), field(OwnC));
      ASSERT_TRUE(same(spelling.type, got, expected))
          << spelling.text << " element " << e << ": " << hex(old) << " with " << hex(field(OwnB)) << ", "
          << hex(field(OwnC)) << " gave " << hex(got) << ", expected " << hex(expected);
      if (update.returns())
        ASSERT_EQ(hex(valueAt(out, spelling, e)), hex(old)) << spelling.text << " returned another value than it found";
      const Wide found = valueAt(out + kCell, spelling, e);
      steps.push_back({found, updated(update, found, field(CommonB), field(CommonC))});
      inOrder = updated(update, inOrder, field(CommonB), field(CommonC));
    }
    const Wide first = valueAt(commonBefore, spelling, e), last = valueAt(commonAfter, spelling, e);
    if (update.returns())
      ASSERT_TRUE(isChain(first, last, steps))
          << spelling.text << ": no order of the threads leads from " << hex(first) << " to " << hex(last);
    else
      ASSERT_EQ(hex(last), hex(inOrder)) << spelling.text << " by all threads on " << hex(first);
  }
}

void runChunk(const std::vector<Update> &updates, bool anyOrder) {
  const unsigned count = updates.size();
  std::mt19937_64 random(7 * count);
  Memory before;
  before.records.resize(kBlocks * count * kThreads * kRecord);
  before.out.resize(kBlocks * count * kThreads * kOut);
  before.cells.resize(kBlocks * count * kThreads * kCell);
  before.common.resize(kBlocks * count * kCell);
  for (unsigned block = 0; block < kBlocks; ++block)
    for (unsigned k = 0; k < count; ++k) {
      uint8_t *records = &before.records[(block * count + k) * kThreads * kRecord];
      const unsigned owner = updates[k].target == Target::OtherShared ? 1 - block : block;
      drawSpelling(random, updates[k], records, &before.common[(owner * count + k) * kCell]);
      for (unsigned thread = 0; thread < kThreads; ++thread)
        std::copy_n(records + thread * kRecord, kCell,
                    &before.cells[((owner * count + k) * kThreads + thread) * kCell]);
    }
  const std::string text = kernelOf(updates);
  std::vector<Options> all = plainAndChecked();
  if (anyOrder) {
    all.push_back(all.back());
    all.back().randomSchedule = true;
    all.back().seed = count;
  }
  for (const Options &options : all) {
    Bench bench;
    const uint64_t in = bench.upload(before.records), out = bench.upload(before.out),
                   cells = bench.upload(before.cells), common = bench.upload(before.common);
    const LaunchResult result = bench.run(text, threads(kThreads, kBlocks, kBlocks), {in, out, cells, common}, options);
    ASSERT_TRUE(result.clean()) << textOf(result) << text;
    Memory after = before;
    after.out = bench.download<uint8_t>(out, before.out.size());
    after.cells = bench.download<uint8_t>(cells, before.cells.size());
    after.common = bench.download<uint8_t>(common, before.common.size());
    for (unsigned block = 0; block < kBlocks; ++block)
      for (unsigned k = 0; k < count; ++k)
        compare(updates[k], k, count, block, before, after);
  }
}

} // namespace

// Tests each row in each type, width and operation, with every order, scope and space.
TEST(FormsAtomics, EveryRow) {
  auto key = [](const Spelling &spelling) {
    return spelling.first({"add", "and", "or", "xor", "inc", "dec", "min", "max", "exch", "cas"}) +
           number(spelling.elements) + ptx::name(spelling.type).str();
  };
  std::vector<Update> chunk;
  unsigned turn = 0;
  for (Spelling &spelling : sample([](const ptx::Form &form) { return isFamily(form, "atomic"); }, key)) {
    const std::string space = spelling.first({"global", "shared", "shared::cta", "shared::cluster"});
    // Hints and vectors are for global memory, also where the address is generic.
    const bool anywhere = space == "" && spelling.elements == 1 && !spelling.has("L2::cache_hint");
    const Target target = anywhere                                    ? Target(turn % 3)
                          : space == "shared::cluster"                ? Target::OtherShared
                          : llvm::StringRef(space).starts_with("sha") ? Target::Shared
                                                                      : Target::Global;
    const std::string operation =
        spelling.first({"add", "and", "or", "xor", "inc", "dec", "min", "max", "exch", "cas"});
    chunk.push_back({std::move(spelling), target, space == "", operation});
    ++turn;
    if (chunk.size() == kChunk) {
      runChunk(chunk, turn / kChunk % 3 == 1);
      chunk.clear();
    }
  }
  if (!chunk.empty())
    runChunk(chunk, true);
  EXPECT_GT(turn, 250u);
}

// Tests the model's own halves where they are known by heart.
TEST(FormsAtomics, ModelOfHalves) {
  EXPECT_EQ(encode(1.0, kHalf), 0x3c00);
  EXPECT_EQ(encode(-65504.0, kHalf), 0xfbff);
  EXPECT_EQ(encode(65520.0, kHalf), 0x7c00);
  EXPECT_EQ(encode(0x1p-24, kHalf), 1);
  EXPECT_EQ(encode(0x1p-25, kHalf), 0);
  EXPECT_EQ(encode(1.0 + 0x1p-11, kHalf), 0x3c00);
  EXPECT_EQ(encode(1.0 + 0x3p-11, kHalf), 0x3c02);
  EXPECT_EQ(encode(1.0, kBfloat), 0x3f80);
  EXPECT_EQ(encode(0x1.fep127, kBfloat), 0x7f7f);
  EXPECT_EQ(encode(0x1.ffp127, kBfloat), 0x7f80);
  for (unsigned bits = 0; bits < 0x10000; ++bits)
    for (const Narrow *format : {&kHalf, &kBfloat})
      if (!std::isnan(decode(uint16_t(bits), *format)))
        ASSERT_EQ(encode(decode(uint16_t(bits), *format), *format), bits);
}
