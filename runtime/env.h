// Every environment variable that the runtime reads, declared once. They are read when an artefact is loaded or a
// session is made, never in between.
#ifndef MOTLEY_RUNTIME_ENV_H
#define MOTLEY_RUNTIME_ENV_H

#include "runtime/status.h"

#include <optional>
#include <string>

namespace motley::runtime::env {

struct Switch {
  const char *name;
  const char *values;
  const char *meaning;
};

inline constexpr Switch level = {"MOTLEY_LEVEL", "avx2|avx512|avx512_bf16",
                                 "instruction set of the kernels, at most the machine's"};
inline constexpr Switch threads = {"MOTLEY_THREADS", "1..1024", "threads of a session that names no number"};
inline constexpr Switch trace = {"MOTLEY_TRACE", "0|1", "print every kernel launch with its time to stderr"};
inline constexpr Switch checkNan = {"MOTLEY_CHECK_NAN", "0|1", "after every call, look for values that are not finite"};
inline constexpr Switch poison = {"MOTLEY_POISON", "0|1", "fill dead rows and the arena with NaN before every call"};

inline constexpr Switch all[] = {level, threads, trace, checkNan, poison};

/// The value, or nothing when the variable is unset or empty.
std::optional<std::string> text(const Switch &which);
/// False when unset; an error for anything but 0 and 1.
Result<bool> flag(const Switch &which);
/// Nothing when unset; an error for anything but an integer in [low, high].
Result<std::optional<int64_t>> integer(const Switch &which, int64_t low, int64_t high);

} // namespace motley::runtime::env

#endif // MOTLEY_RUNTIME_ENV_H
