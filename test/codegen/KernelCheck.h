// kernel-check: compiles plan.kernel operations in this process and compares what they compute with naive loops.
//
// A check file (check_<family>.cpp) registers its checks with KERNEL_CHECK. Every check runs once per level of
// instructions that the machine has. Numbers, not text: where a lowering has cases, values show that each is right.
#ifndef MOTLEY_TEST_CODEGEN_KERNELCHECK_H
#define MOTLEY_TEST_CODEGEN_KERNELCHECK_H

#include "codegen/Codegen.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace kernelcheck {

/// Memory of `size` elements that starts at a multiple of 64 bytes; the page after it cannot be touched, and the bytes
/// up to that page are checked when it dies. Elements start as NaN (or the integer with all bytes 0x7f).
class Memory {
public:
  explicit Memory(size_t bytes);
  ~Memory();
  Memory(const Memory &) = delete;
  void *data() const { return begin; }
  /// Whether somebody wrote between the last element and the guard page.
  bool isOverrun() const;

private:
  void *mapping = nullptr;
  size_t mappingBytes = 0, bytes = 0;
  char *begin = nullptr;
};

template <typename T> class Buffer {
public:
  explicit Buffer(size_t size) : memory(std::make_shared<Memory>(size * sizeof(T))), numElements(size) {
    T poison;
    std::memset(&poison, 0x7f, sizeof(T));
    if constexpr (std::numeric_limits<T>::has_quiet_NaN)
      poison = std::numeric_limits<T>::quiet_NaN();
    std::fill(begin(), end(), poison);
  }
  Buffer(size_t size, const std::function<T(size_t)> &element) : Buffer(size) {
    for (size_t i = 0; i < size; ++i)
      (*this)[i] = element(i);
  }
  Buffer(std::initializer_list<T> list) : Buffer(list.size()) { std::copy(list.begin(), list.end(), begin()); }
  explicit Buffer(const std::vector<T> &list) : Buffer(list.size()) { std::copy(list.begin(), list.end(), begin()); }

  T *data() const { return static_cast<T *>(memory->data()); }
  T *begin() const { return data(); }
  T *end() const { return data() + numElements; }
  size_t size() const { return numElements; }
  T &operator[](size_t i) const { return data()[i]; }
  /// Same elements in memory of its own.
  Buffer copy() const {
    return Buffer(numElements, [&](size_t i) { return (*this)[i]; });
  }
  bool isOverrun() const { return memory->isOverrun(); }

private:
  std::shared_ptr<Memory> memory;
  size_t numElements;
};

/// An operand of a kernel: an address, or the bits of a scalar as runtime/abi.h packs them.
struct Operand {
  template <typename T> Operand(const Buffer<T> &buffer) : bits(reinterpret_cast<int64_t>(buffer.data())) {}
  Operand(bool value) : bits(value) {}
  Operand(int32_t value) : bits(value) {}
  Operand(int64_t value) : bits(value) {}
  Operand(float value) : bits(0) { std::memcpy(&bits, &value, sizeof(value)); }
  int64_t bits;
};

/// One run of one check.
class Check {
public:
  Check(std::string name, int level) : name(std::move(name)), theLevel(level) {}

  int level() const { return theLevel; }
  std::mt19937 random{12345};
  /// Uniform in [-1, 1).
  float uniform() { return std::uniform_real_distribution<float>(-1, 1)(random); }
  Buffer<float> uniforms(size_t size) {
    return Buffer<float>(size, [&](size_t) { return uniform(); });
  }

  /// Compiles a module of one plan.kernel and runs it over the units [0, numUnits), in calls of at most `unitsPerCall`
  /// units (the last units first, to show that units do not depend on their order). Compiled kernels are kept by their
  /// text.
  void run(const std::string &kernel, const std::vector<Operand> &operands, int64_t numUnits,
           int64_t unitsPerCall = INT64_MAX);

  void fail(const std::string &message);
  void expect(bool condition, const std::string &message) {
    if (!condition)
      fail(message);
  }
  /// |got - want| <= tolerance, and neither is NaN.
  void expectNear(double got, double want, double tolerance, const std::string &what) {
    if (!(std::fabs(got - want) <= tolerance))
      fail(what + ": got " + std::to_string(got) + ", expected " + std::to_string(want) + " within " +
           std::to_string(tolerance));
  }
  template <typename T> void expectSameBits(const Buffer<T> &got, const Buffer<T> &want, const std::string &what) {
    for (size_t i = 0; i < want.size(); ++i)
      if (std::memcmp(&got[i], &want[i], sizeof(T)) != 0)
        return fail(what + ": element " + std::to_string(i) + " is " + std::to_string(got[i]) +
                    ", expected the bits of " + std::to_string(want[i]));
  }
  int numFailures() const { return failures; }

private:
  std::string name;
  int theLevel;
  int failures = 0;
};

/// Machine epsilon of f32 (distance from 1 to the next).
inline constexpr double kEpsilon = 1.1920928955078125e-7;

struct Registration {
  Registration(const char *name, void (*body)(Check &));
};

} // namespace kernelcheck

#define KERNEL_CHECK(name)                                                                                             \
  static void name(kernelcheck::Check &check);                                                                         \
  static kernelcheck::Registration name##Registration(#name, name);                                                    \
  static void name(kernelcheck::Check &check)

#endif // MOTLEY_TEST_CODEGEN_KERNELCHECK_H
