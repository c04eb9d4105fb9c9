#include "runtime/digest.h"
#include "runtime/random.h"

#include <gtest/gtest.h>

using namespace motley::runtime;

// Known-answer vectors of Random123 1.14 (kat_vectors, philox 4x32 10).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox4x32({ones, ones, ones, ones}, {ones, ones}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, BoundedStaysInRange) {
  EXPECT_EQ(boundedFromBits(0, 10), 0u);
  EXPECT_EQ(boundedFromBits(UINT64_MAX, 10), 9u);
  EXPECT_EQ(boundedFromBits(uint64_t(1) << 63, 10), 5u);
}

// FIPS 180-4, "abc".
TEST(Digest, KnownAnswer) {
  EXPECT_EQ(hexText(sha256("abc", 3)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hexText(sha256("", 0)), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
