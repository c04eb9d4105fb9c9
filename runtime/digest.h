// SHA-256 (libcrypto).
#ifndef MOTLEY_RUNTIME_DIGEST_H
#define MOTLEY_RUNTIME_DIGEST_H

#include <array>
#include <cstdint>
#include <string>

namespace motley::runtime {

using Sha256Digest = std::array<uint8_t, 32>;

class Sha256 {
public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256 &) = delete;
  Sha256 &operator=(const Sha256 &) = delete;

  void update(const void *data, int64_t bytes);
  /// Once, at the end.
  Sha256Digest finish();

private:
  void *context;
};

Sha256Digest sha256(const void *data, int64_t bytes);
/// 64 lower-case hexadecimal digits.
std::string hexText(const Sha256Digest &digest);

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_DIGEST_H
