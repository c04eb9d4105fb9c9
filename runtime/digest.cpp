#include "runtime/digest.h"

#include <openssl/evp.h>

#include <new>

namespace motley::runtime {

Sha256::Sha256() : context(EVP_MD_CTX_new()) {
  if (!context || !EVP_DigestInit_ex(static_cast<EVP_MD_CTX *>(context), EVP_sha256(), nullptr)) {
    EVP_MD_CTX_free(static_cast<EVP_MD_CTX *>(context));
    throw std::bad_alloc(); // the only way SHA-256 of libcrypto fails; caught by guarded()
  }
}

Sha256::~Sha256() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX *>(context)); }

void Sha256::update(const void *data, int64_t bytes) {
  EVP_DigestUpdate(static_cast<EVP_MD_CTX *>(context), data, size_t(bytes));
}

Sha256Digest Sha256::finish() {
  Sha256Digest digest;
  EVP_DigestFinal_ex(static_cast<EVP_MD_CTX *>(context), digest.data(), nullptr);
  return digest;
}

Sha256Digest sha256(const void *data, int64_t bytes) {
  Sha256 hash;
  hash.update(data, bytes);
  return hash.finish();
}

std::string hexText(const Sha256Digest &digest) {
  static const char digits[] = "0123456789abcdef";
  std::string text;
  for (uint8_t byte : digest) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

} // namespace motley::runtime
