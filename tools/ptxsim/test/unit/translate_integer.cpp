// Integer instructions against values worked by hand from the PTX ISA.
#include "TranslateRunner.h"

#include <gtest/gtest.h>

using namespace ptxsim;
using namespace ptxsim::test;

static uint64_t of32(const std::string &body, std::vector<uint64_t> in) { return evaluate(body, "b32", in, "b32")[0]; }
static uint64_t of64(const std::string &body, std::vector<uint64_t> in) { return evaluate(body, "b64", in, "b64")[0]; }

TEST(Integer, Arithmetic) {
  EXPECT_EQ(of32("add.s32 %d0, %a0, %a1;", {0xffffffff, 2}), 1u);
  EXPECT_EQ(of32("add.sat.s32 %d0, %a0, %a1;", {0x7fffffff, 2}), 0x7fffffffu);
  EXPECT_EQ(of32("sub.sat.s32 %d0, %a0, %a1;", {0x80000000, 2}), 0x80000000u);
  EXPECT_EQ(of32("mul.hi.u32 %d0, %a0, %a1;", {0xffffffff, 0xffffffff}), 0xfffffffeu);
  EXPECT_EQ(of32("mul.hi.s32 %d0, %a0, %a1;", {0xffffffff, 0xffffffff}), 0u);
  EXPECT_EQ(of32("mad.lo.s32 %d0, %a0, %a1, %a2;", {3, 5, 7}), 22u);
  EXPECT_EQ(evaluate("mad.wide.s32 %d0, %a0, %a1, %l0;", "b32", {0xffffffff, 5}, "b64")[0], uint64_t(-5));
  EXPECT_EQ(of32("div.s32 %d0, %a0, %a1;", {uint32_t(-7), 2}), uint32_t(-3));
  EXPECT_EQ(of32("div.s32 %d0, %a0, %a1;", {0x80000000, 0xffffffff}), 0x80000000u);
  EXPECT_EQ(of32("rem.s32 %d0, %a0, %a1;", {uint32_t(-7), 2}), uint32_t(-1));
  EXPECT_EQ(of32("div.u32 %d0, %a0, %a1;", {7, 0}), 0xffffffffu);
  EXPECT_EQ(of32("sad.s32 %d0, %a0, %a1, %a2;", {uint32_t(-3), 4, 10}), 17u);
  EXPECT_EQ(of32("mul24.lo.s32 %d0, %a0, %a1;", {0x00ffffff, 3}), uint32_t(-3));
  EXPECT_EQ(of32("mul24.hi.u32 %d0, %a0, %a1;", {0x00ffffff, 0x00ffffff}), 0xfffffe00u);
  EXPECT_EQ(of32("dp4a.s32.u32 %d0, %a0, %a1, %a2;", {0xff020304, 0x02010101, 5}), 5u - 2 + 2 + 3 + 4);
  EXPECT_EQ(of32("dp2a.hi.u32.u32 %d0, %a0, %a1, %a2;", {0x00030002, 0x05040000, 1}), 1u + 2 * 4 + 3 * 5);
  EXPECT_EQ(of32("min.s32 %d0, %a0, %a1;", {0xffffffff, 1}), 0xffffffffu);
  EXPECT_EQ(of32("max.s16x2 %d0, %a0, %a1;", {0xffff0001, 0x00010000}), 0x00010001u);
}

TEST(Integer, Carry) {
  auto sum = evaluate("add.cc.u32 %d0, %a0, %a1; addc.cc.u32 %d1, %a2, %a3; addc.u32 %d2, 0, 0;", "b32",
                      {0xffffffff, 1, 0xffffffff, 0}, "b32", 3);
  EXPECT_EQ(sum, (std::vector<uint64_t>{0, 0, 1}));
  auto difference = evaluate("sub.cc.u32 %d0, %a0, %a1; subc.u32 %d1, %a2, %a3;", "b32", {0, 1, 5, 2}, "b32", 2);
  EXPECT_EQ(difference, (std::vector<uint64_t>{0xffffffff, 2}));
  auto product =
      evaluate("mad.lo.cc.u32 %d0, %a0, %a1, %a2; madc.hi.u32 %d1, %a0, %a1, 0;", "b32", {0xffffffff, 2, 2}, "b32", 2);
  EXPECT_EQ(product, (std::vector<uint64_t>{0, 2}));
}

TEST(Integer, Bits) {
  EXPECT_EQ(of32("lop3.b32 %d0, %a0, %a1, %a2, 0x96;", {0xf0, 0xcc, 0xaa}), 0xf0u ^ 0xcc ^ 0xaa);
  for (unsigned first = 0; first < 256; first += 16) {
    std::string body;
    for (unsigned k = 0; k < 16; ++k)
      body += "lop3.b32 %d" + std::to_string(k) + ", %a0, %a1, %a2, " + std::to_string(first + k) + ";\n";
    auto results = evaluate(body, "b32", {0xf0, 0xcc, 0xaa}, "b32", 16);
    for (unsigned k = 0; k < 16; ++k)
      EXPECT_EQ(results[k] & 0xff, first + k);
  }
  EXPECT_EQ(of32("shl.b32 %d0, %a0, %a1;", {1, 32}), 0u);
  EXPECT_EQ(of32("shr.s32 %d0, %a0, %a1;", {0x80000000, 99}), 0xffffffffu);
  EXPECT_EQ(of32("shr.u32 %d0, %a0, 4;", {0x80000000}), 0x08000000u);
  EXPECT_EQ(of32("shf.l.wrap.b32 %d0, %a0, %a1, %a2;", {0x80000001, 0x12345678, 36}), 0x23456788u);
  EXPECT_EQ(of32("shf.l.clamp.b32 %d0, %a0, %a1, %a2;", {0x80000001, 0x12345678, 36}), 0x80000001u);
  EXPECT_EQ(of32("shf.r.clamp.b32 %d0, %a0, %a1, %a2;", {0x80000001, 0x12345678, 36}), 0x12345678u);
  EXPECT_EQ(of32("shf.r.wrap.b32 %d0, %a0, %a1, %a2;", {0x80000001, 0x12345678, 4}), 0x88000000u);
  EXPECT_EQ(of32("bfe.u32 %d0, %a0, 4, 8;", {0x12345678}), 0x67u);
  EXPECT_EQ(of32("bfe.s32 %d0, %a0, %a1, %a2;", {0x80000000, 28, 10}), 0xfffffff8u);
  EXPECT_EQ(of32("bfe.s32 %d0, %a0, %a1, %a2;", {0x80000000, 28, 0}), 0u);
  EXPECT_EQ(of64("bfe.u64 %d0, %a0, 60, 4;", {0xf000000000000000}), 0xfu);
  EXPECT_EQ(of32("bfi.b32 %d0, %a0, %a1, 8, 4;", {0xff, 0}), 0xf00u);
  EXPECT_EQ(of32("bfi.b32 %d0, %a0, %a1, 28, 10;", {0xff, 0}), 0xf0000000u);
  EXPECT_EQ(of32("bfind.u32 %d0, %a0;", {0x00010000}), 16u);
  EXPECT_EQ(of32("bfind.s32 %d0, %a0;", {0xffffffff}), 0xffffffffu);
  EXPECT_EQ(of32("bfind.shiftamt.u32 %d0, %a0;", {0x00010000}), 15u);
  EXPECT_EQ(of32("brev.b32 %d0, %a0;", {1}), 0x80000000u);
  EXPECT_EQ(of32("popc.b32 %d0, %a0;", {0xff00ff}), 16u);
  EXPECT_EQ(of32("clz.b32 %d0, %a0;", {0}), 32u);
  EXPECT_EQ(of32("fns.b32 %d0, %a0, %a1, %a2;", {0xaaaaaaaa, 3, 2}), 5u);
  EXPECT_EQ(of32("fns.b32 %d0, %a0, %a1, %a2;", {0xaaaaaaaa, 3, 0xfffffffe}), 1u);
  EXPECT_EQ(of32("bmsk.clamp.b32 %d0, %a0, %a1;", {4, 100}), 0xfffffff0u);
  EXPECT_EQ(of32("bmsk.wrap.b32 %d0, %a0, %a1;", {36, 4}), 0xf0u);
  EXPECT_EQ(of32("szext.clamp.s32 %d0, %a0, %a1;", {0x8, 4}), 0xfffffff8u);
  EXPECT_EQ(of32("szext.clamp.u32 %d0, %a0, %a1;", {0xffffffff, 0}), 0u);
  EXPECT_EQ(of32("prmt.b32 %d0, %a0, %a1, 0x5410;", {0x33221100, 0x77665544}), 0x55441100u);
  EXPECT_EQ(of32("prmt.b32 %d0, %a0, %a1, 0xd123;", {0x33221100, 0x7766c544}), 0xff112233u);
  EXPECT_EQ(of32("prmt.b32 %d0, %a0, %a1, %a2;", {0x33221100, 0x77665544, 0x0246}), 0x00224466u);
  EXPECT_EQ(of32("prmt.b32.f4e %d0, %a0, %a1, 1;", {0x33221100, 0x77665544}), 0x44332211u);
  EXPECT_EQ(of32("prmt.b32.b4e %d0, %a0, %a1, 1;", {0x33221100, 0x77665544}), 0x66770011u);
}

TEST(Integer, CompareAndSelect) {
  EXPECT_EQ(of32("setp.lt.s32 %p0, %a0, %a1; selp.b32 %d0, 1, 2, %p0;", {0xffffffff, 0}), 1u);
  EXPECT_EQ(of32("setp.lo.u32 %p0, %a0, %a1; selp.b32 %d0, 1, 2, %p0;", {0xffffffff, 0}), 2u);
  EXPECT_EQ(of32("setp.eq.and.s32 %p0|%p1, %a0, %a1, !%p2; selp.b32 %d0, 1, 2, %p0;", {7, 7}), 1u);
  EXPECT_EQ(of32("set.ge.u32.s32 %d0, %a0, %a1;", {7, 7}), 0xffffffffu);
  EXPECT_EQ(of32("slct.b32.s32 %d0, %a0, %a1, %a2;", {7, 8, 0x80000000}), 8u);
  EXPECT_EQ(of32("slct.b32.f32 %d0, %a0, %a1, %a2;", {7, 8, 0x80000000}), 7u);
  EXPECT_EQ(of32("setp.eq.s32 %p0, %a0, 0; mov.b32 %d0, 5; @%p0 add.s32 %d0, %d0, 1; @!%p0 add.s32 %d0, %d0, 2;", {1}),
            7u);
}

TEST(Integer, Moves) {
  EXPECT_EQ(of64("mov.b64 {%r0, %r1}, %a0; mov.b64 %d0, {%r1, %r0};", {0x1122334455667788}), 0x5566778811223344u);
  EXPECT_EQ(of32("mov.b32 {%h0, %h1}, %a0; mov.b32 %d0, {%h1, %h0};", {0x11223344}), 0x33441122u);
  EXPECT_EQ(of32("mov.u32 %d0, %tid.x;", {0}), 5u);
  EXPECT_EQ(of32("mov.u32 %d0, %ctaid.x;", {0}), 3u);
  EXPECT_EQ(of32("mov.u32 %d0, %ntid.x;", {0}), 32u);
  EXPECT_EQ(of32("mov.u32 %d0, %lanemask_ge;", {0}), 0xffffffe0u);
  EXPECT_EQ(of32("cvt.u16.u32 %h0, %a0; cvt.s32.s16 %d0, %h0;", {0x12348000}), 0xffff8000u);
  EXPECT_EQ(of32("cvt.sat.s8.s32 %d0, %a0;", {1000}), 127u);
  EXPECT_EQ(of32("cvt.sat.u8.s32 %d0, %a0;", {uint32_t(-5)}), 0u);
  EXPECT_EQ(of32("cvt.s8.s32 %d0, %a0;", {0x1ff}), 0xffffffffu);
}

TEST(Integer, Video) {
  EXPECT_EQ(of32("vadd.s32.u32.s32.sat %d0, %a0.b1, %a1.h1, %a2;", {0xff00, 0xffff0000, 9}), 254u);
  EXPECT_EQ(of32("vabsdiff4.u32.u32.u32.add %d0, %a0, %a1, %a2;", {0x01020304, 0x04030201, 10}), 18u);
  EXPECT_EQ(of32("vadd4.u32.u32.u32.sat %d0, %a0, %a1, %a2;", {0xf0203040, 0x20010203, 0}), 0xff213243u);
  EXPECT_EQ(of32("vmad.u32.u32.u32.shr7 %d0, %a0.b0, %a1.b0, %a2;", {0xff, 0xff, 127}), (255u * 255 + 127) >> 7);
}

TEST(Integer, ControlAndMemory) {
  EXPECT_EQ(of32("mov.b32 %d0, 0; mov.b32 %r0, 0;\nL: add.s32 %d0, %d0, %r0; add.s32 %r0, %r0, 1; "
                 "setp.le.s32 %p0, %r0, %a0;\n@%p0 bra L;",
                 {10}),
            55u);
  EXPECT_EQ(of32(".local .align 8 .b8 frame[32];\nmov.u64 %l0, frame;\ncvta.local.u64 %l1, %l0;\n"
                 "st.local.v2.b32 [%l0+8], {%a0, %a1};\nld.b32 %r0, [%l1+8];\nld.local.b32 %r1, [%l0+12];\n"
                 "sub.s32 %d0, %r0, %r1;",
                 {10, 3}),
            7u);
  EXPECT_EQ(of32(".shared .align 16 .b8 tile[64];\nmov.u32 %r0, tile;\nst.shared.b32 [%r0+16], %a0;\n"
                 "ld.shared.u8 %d0, [tile+17];",
                 {0x1234}),
            0x12u);
  EXPECT_EQ(of32("T: .branchtargets A, B, C;\nbrx.idx %a0, T;\nA: mov.b32 %d0, 1; bra E;\nB: mov.b32 %d0, 2; bra E;\n"
                 "C: mov.b32 %d0, 3;\nE:",
                 {1}),
            2u);
}
