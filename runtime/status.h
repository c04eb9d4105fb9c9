// What every fallible function of the runtime returns. Nothing here exits, and no exception leaves the library: a
// public function that may allocate wraps its body in guarded().
#ifndef MOTLEY_RUNTIME_STATUS_H
#define MOTLEY_RUNTIME_STATUS_H

#include <cassert>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace motley::runtime {

/// The values cross the C boundary as the return value of a step function, so they are fixed.
enum class Code : int32_t {
  Ok = 0,
  InvalidArgument = 1, ///< the caller passed something wrong: a name, a shape, a value
  NotFound = 2,        ///< a file, a variable or a function that does not exist
  Corrupt = 3,         ///< a file that is truncated, malformed or fails its digest
  Incompatible = 4,    ///< well formed, but not for this runtime, module or data set
  Unsupported = 5,     ///< this machine cannot run it
  OutOfMemory = 6,
  Io = 7,       ///< the operating system refused a read or a write
  Diverged = 8, ///< training produced a value that is not finite
  Internal = 9, ///< a mistake of ours
};

inline const char *codeName(Code code) {
  switch (code) {
  case Code::Ok:
    return "ok";
  case Code::InvalidArgument:
    return "invalid argument";
  case Code::NotFound:
    return "not found";
  case Code::Corrupt:
    return "corrupt";
  case Code::Incompatible:
    return "incompatible";
  case Code::Unsupported:
    return "unsupported";
  case Code::OutOfMemory:
    return "out of memory";
  case Code::Io:
    return "input/output";
  case Code::Diverged:
    return "diverged";
  case Code::Internal:
    return "internal";
  }
  return "unknown";
}

/// A code, a text for the user (lower case, no final period) and the runtime's source line that noticed.
class [[nodiscard]] Status {
public:
  Status() = default;
  static Status ok() { return Status(); }
  static Status error(Code code, std::string text, const char *file = __builtin_FILE(), int line = __builtin_LINE()) {
    assert(code != Code::Ok);
    const char *slash = std::strrchr(file, '/');
    Status status;
    status.theCode = code;
    status.theText = std::move(text);
    status.theOrigin = std::string(slash ? slash + 1 : file) + ":" + std::to_string(line);
    return status;
  }

  bool isOk() const { return theCode == Code::Ok; }
  explicit operator bool() const { return isOk(); }
  Code code() const { return theCode; }
  const std::string &text() const { return theText; }
  /// "artifact.cpp:120"; empty for ok.
  const std::string &origin() const { return theOrigin; }

  /// The same error with "prefix: " before its text.
  Status withPrefix(const std::string &prefix) && {
    if (!isOk())
      theText = prefix + ": " + theText;
    return std::move(*this);
  }

private:
  Code theCode = Code::Ok;
  std::string theText;
  std::string theOrigin;
};

/// A value, or the Status that says why there is none.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : value(std::move(value)) {}
  Result(Status error) : error(std::move(error)) { assert(!this->error.isOk()); }

  bool isOk() const { return value.has_value(); }
  explicit operator bool() const { return isOk(); }
  const Status &status() const { return error; }
  T &operator*() { return *value; }
  const T &operator*() const { return *value; }
  T *operator->() { return &*value; }
  const T *operator->() const { return &*value; }
  T take() { return std::move(*value); }

private:
  std::optional<T> value;
  Status error;
};

/// Runs `body`, which returns a Status or a Result, and turns an exception of a library below us into a Status.
template <typename Body> auto guarded(const Body &body) -> std::invoke_result_t<Body> {
  try {
    return body();
  } catch (const std::bad_alloc &) {
    return Status::error(Code::OutOfMemory, "out of memory");
  } catch (const std::exception &failure) {
    return Status::error(Code::Internal, std::string("unexpected exception: ") + failure.what());
  } catch (...) {
    return Status::error(Code::Internal, "unexpected exception of unknown type");
  }
}

} // namespace motley::runtime

#define MOTLEY_JOIN_(a, b) a##b
#define MOTLEY_JOIN(a, b) MOTLEY_JOIN_(a, b)

/// Returns from the enclosing function if the Status expression is an error.
#define MOTLEY_RETURN_IF_ERROR(expression)                                                                             \
  do {                                                                                                                 \
    if (::motley::runtime::Status statusOfExpression = (expression); !statusOfExpression.isOk())                       \
      return statusOfExpression;                                                                                       \
  } while (false)

/// MOTLEY_ASSIGN(auto x, f()): the value of a Result, or return of its Status.
#define MOTLEY_ASSIGN(declaration, expression)                                                                         \
  auto MOTLEY_JOIN(result_, __LINE__) = (expression);                                                                  \
  if (!MOTLEY_JOIN(result_, __LINE__).isOk())                                                                          \
    return MOTLEY_JOIN(result_, __LINE__).status();                                                                    \
  declaration = MOTLEY_JOIN(result_, __LINE__).take()

#endif // MOTLEY_RUNTIME_STATUS_H
