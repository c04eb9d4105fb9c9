// Kernels of every family for the fuzzer of execution: right programs, from which it makes wrong ones. Parameters are
// 64-bit words: a, b buffers of 64 KiB, map a tensor map of 64 x 64 half-precision numbers, n a small number.
#pragma once

#include <string>

namespace ptxsim::test {

inline const char *const kHostileHead = R"(.version 8.3
.target sm_90a
.address_size 64
.global .align 8 .b64 table[4] = {first, second, generic(message), generic(counter)};
.global .align 1 .b8 message[12] = {37, 100, 32, 37, 115, 32, 37, 102, 10, 0, 0, 0};
.global .align 4 .u32 counter;
.const .align 16 .b32 constants[4] = {1, 2, 3, 4};
.extern .shared .align 128 .b8 dynamic[];
.extern .func (.param .b32 status) vprintf (.param .b64 format, .param .b64 values);
.extern .func (.param .b64 address) malloc (.param .b64 size);
.extern .func free (.param .b64 address);
.extern .func __assertfail (.param .b64 m, .param .b64 f, .param .b32 l, .param .b64 fn, .param .b64 s);
.func (.param .b32 result) first (.param .b32 x) {
  .reg .b32 %r<4>;
  ld.param.b32 %r1, [x]; add.s32 %r2, %r1, 1; st.param.b32 [result], %r2; ret;
}
.func (.param .b32 result) second (.param .b32 x) {
  .reg .b32 %r<8>; .reg .pred %p; .local .align 8 .b8 frame[32]; .reg .b64 %rd<4>;
  ld.param.b32 %r1, [x]; setp.lt.s32 %p, %r1, 1; mov.b32 %r3, 1; @%p bra END;
  mov.b64 %rd1, frame; st.local.b32 [%rd1+4], %r1; sub.s32 %r2, %r1, 1;
  { .param .b32 in; .param .b32 out; st.param.b32 [in], %r2; call (out), second, (in); ld.param.b32 %r3, [out]; }
  ld.local.b32 %r4, [frame+4]; mad.lo.s32 %r3, %r3, %r4, 3;
END: st.param.b32 [result], %r3; ret;
}
)";

/// What every kernel has: registers, addresses, the thread's number in %r1.
inline std::string hostileKernel(const std::string &body) {
  return std::string(kHostileHead) +
         ".visible .entry k(.param .u64 a, .param .u64 b, .param .u64 map, .param .u64 n) {\n"
         "  .reg .pred %p<10>; .reg .b16 %h<20>; .reg .b32 %r<70>; .reg .f32 %f<40>; .reg .b64 %rd<40>; "
         ".reg .f64 %d<10>;\n"
         "  .shared .align 8 .b64 bar[4]; .shared .align 1024 .b8 tile[8192]; .local .align 16 .b8 stack[64];\n"
         "  ld.param.u64 %rd1, [a]; ld.param.u64 %rd2, [b]; ld.param.u64 %rd3, [map]; ld.param.u64 %rd4, [n];\n"
         "  mov.u32 %r1, %tid.x; mov.u32 %r2, tile; mov.u32 %r3, bar; cvt.u32.u64 %r4, %rd4; mov.u32 %r5, 0;\n"
         "  mul.wide.u32 %rd5, %r1, 16; add.u64 %rd6, %rd1, %rd5; add.u64 %rd7, %rd2, %rd5; mad.lo.u32 %r6, %r1, 16, "
         "%r2;\n" +
         body + "\n  ret;\n}\n";
}

inline const char *const kHostileBodies[] = {
    // Loads and stores of every space, vectors, caches, atomics.
    R"( ld.global.v4.u32 {%r10, %r11, %r12, %r13}, [%rd6+16]; st.shared.v4.b32 [%r6], {%r10, %r11, %r12, %r13};
  bar.sync 0; ld.shared.v2.b64 {%rd10, %rd11}, [%r6+0]; st.global.b64 [%rd7+8], %rd10; st.local.v2.b64 [stack+16], {%rd10, %rd11};
  ld.local.b8 %h1, [stack+17]; ld.const.b32 %r14, [constants+4]; mov.b64 %rd12, constants; ld.const.u16 %h2, [%rd12+2];
  ld.b32 %r15, [%rd7]; cvta.shared.u64 %rd13, %rd5; cvta.local.u64 %rd14, 8; st.b16 [%rd14], %h1; ld.volatile.global.b32 %r16, [counter];
  ld.relaxed.gpu.global.b32 %r17, [%rd6]; st.release.sys.global.b32 [%rd7], %r17; ld.global.nc.L1::no_allocate.v2.f32 {%f1, %f2}, [%rd6];
  prefetch.global.L2 [%rd6]; ld.acquire.cta.shared.b32 %r18, [%r6]; isspacep.shared %p1, %rd13; cvta.to.shared.u64 %rd15, %rd13;)",
    R"( atom.global.add.u32 %r10, [counter], 1; atom.shared.cas.b32 %r11, [%r2], %r5, %r1; red.global.max.s32 [%rd1+4], %r1;
  atom.global.cas.b64 %rd10, [%rd6], %rd4, %rd5; atom.global.exch.b32 %r12, [%rd6], %r1; atom.shared.inc.u32 %r13, [%r2+4], 7;
  red.global.add.f32 [%rd1+8], 0f3f800000; atom.global.add.noftz.f16x2 %r14, [%rd1+12], %r1; atom.acq_rel.gpu.global.add.u64 %rd11, [%rd1+16], 3;
  red.shared.and.b32 [%r2+8], %r1; atom.global.add.f64 %d1, [%rd1+24], 0d3FF0000000000000; fence.acq_rel.gpu; membar.gl;
LOCK: atom.shared.cas.b32 %r15, [%r2+16], 0, 0; setp.eq.u32 %p1, %r15, 7; @%p1 bra LOCK; fence.sc.sys;)",
    // Exchanges in warps, barriers.
    R"( shfl.sync.bfly.b32 %r10|%p1, %r1, 1, 31, -1; shfl.sync.idx.b32 %r11, %r1, %r4, 0x1f, 0xffffffff; vote.sync.ballot.b32 %r12, %p1, -1;
  activemask.b32 %r13; match.any.sync.b32 %r14, %r4, -1; match.all.sync.b64 %r15|%p2, %rd4, -1; redux.sync.add.s32 %r16, %r1, -1;
  bar.warp.sync -1; elect.sync %r17|%p3, -1; vote.sync.any.pred %p4, %p1, 0xffff; shfl.sync.up.b32 %r18, %r1, 2, 0, -1; st.global.u32 [%rd6], %r18;)",
    R"( bar.sync 0; barrier.sync 1, 64; bar.arrive 2, 128; bar.red.popc.u32 %r10, 0, %p1; barrier.cta.red.and.pred %p2, 3, %r4, %p1;
  barrier.cluster.arrive.release; barrier.cluster.wait.acquire; barrier.cluster.arrive.relaxed.aligned; barrier.cluster.wait.aligned;
  mapa.shared::cluster.u32 %r11, %r2, %r5; ld.shared::cluster.b32 %r12, [%r11]; st.shared::cluster.b32 [%r11+4], %r12; getctarank.shared::cluster.u32 %r13, %r11;
  setp.gt.u32 %p3, %r1, 15; @%p3 bra HALF; bar.sync 4, 32; HALF: barrier.cluster.arrive; barrier.cluster.wait; nanosleep.u32 20;)",
    // mbarriers and cp.async.
    R"( setp.ne.u32 %p1, %r1, 0; @%p1 bra READY; mbarrier.init.shared.b64 [bar], 32; mbarrier.init.shared::cta.b64 [%r3+8], 1; fence.mbarrier_init.release.cluster;
READY: bar.sync 0; cp.async.ca.shared.global [%r6], [%rd6], 16; cp.async.cg.shared.global [%r6+2048], [%rd6], 16, %r4; cp.async.commit_group;
  cp.async.mbarrier.arrive.noinc.shared.b64 [%r3]; cp.async.wait_group 0; cp.async.wait_all; mbarrier.arrive.shared.b64 %rd10, [bar];
WAIT: mbarrier.test_wait.shared.b64 %p2, [bar], %rd10; @!%p2 bra WAIT; mbarrier.pending_count.b64 %r10, %rd10;
  @%p1 bra AFTER; mbarrier.arrive.expect_tx.shared.b64 %rd11, [bar+8], 0; AFTER:
TRY: mbarrier.try_wait.parity.shared::cta.b64 %p3, [bar+8], 0, 100; @!%p3 bra TRY; ld.shared.v4.f32 {%f1, %f2, %f3, %f4}, [%r6];
  bar.sync 0; mbarrier.inval.shared.b64 [bar]; st.global.v4.f32 [%rd7], {%f1, %f2, %f3, %f4};)",
    // Bulk copies.
    R"( setp.ne.u32 %p1, %r1, 0; @%p1 bra READY; mbarrier.init.shared.b64 [bar], 1; fence.mbarrier_init.release.cluster; fence.proxy.async;
  mbarrier.arrive.expect_tx.shared.b64 _, [bar], 256; cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [tile], [%rd1], 256, [bar];
READY: bar.sync 0;
WAIT: mbarrier.try_wait.parity.shared::cta.b64 %p2, [bar], 0; @!%p2 bra WAIT; ld.shared.u32 %r10, [%r2+4]; fence.proxy.async.shared::cta; bar.sync 0;
  @%p1 bra END; cp.async.bulk.global.shared::cta.bulk_group [%rd2], [tile], 256; cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%rd2+512], [tile+256], 128;
  cp.async.bulk.commit_group; cp.async.bulk.wait_group.read 0; cp.async.bulk.wait_group 0; cp.async.bulk.prefetch.L2.global [%rd1], 64; END:)",
    R"( setp.ne.u32 %p1, %r1, 0; @%p1 bra READY; mbarrier.init.shared.b64 [bar], 1; fence.mbarrier_init.release.cluster; fence.proxy.async; mov.b16 %h1, 1;
  mbarrier.arrive.expect_tx.shared.b64 _, [bar], 2048; mov.u32 %r11, 8; cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [tile], [%rd3, {%r5, %r11}], [bar];
  mbarrier.arrive.expect_tx.shared.b64 _, [bar], 2048; cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [tile+2048], [%rd3, {%r5, %r5}], [bar], %h1;
READY: bar.sync 0;
WAIT: mbarrier.try_wait.parity.shared::cta.b64 %p2, [bar], 0; @!%p2 bra WAIT; fence.proxy.async; @%p1 bra END;
  cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%rd3, {%r5, %r5}], [tile]; cp.reduce.async.bulk.tensor.2d.global.shared::cta.add.tile.bulk_group [%rd3, {%r5, %r5}], [tile];
  cp.async.bulk.commit_group; cp.async.bulk.wait_group 0; cp.async.bulk.prefetch.tensor.2d.L2.global.tile [%rd3, {%r5, %r5}]; END:)",
    R"( ld.global.v4.b32 {%r10, %r11, %r12, %r13}, [%rd3]; bar.sync 0; setp.gt.u32 %p1, %r1, 7; @%p1 bra SKIP; mul.wide.u32 %rd8, %r1, 16; add.u64 %rd9, %rd3, %rd8;
  ld.global.v4.b32 {%r10, %r11, %r12, %r13}, [%rd9]; st.shared.v4.b32 [%r6], {%r10, %r11, %r12, %r13}; SKIP: bar.sync 0;
  setp.ne.u32 %p2, %r1, 0; @%p2 bra READY; tensormap.replace.tile.global_address.shared::cta.b1024.b64 [tile], %rd2; tensormap.replace.tile.global_dim.shared::cta.b1024.b32 [tile], 1, 32;
  tensormap.replace.tile.box_dim.shared::cta.b1024.b32 [tile], 0, %r4; tensormap.replace.tile.swizzle_mode.shared::cta.b1024.b32 [tile], 1; tensormap.replace.tile.elemtype.shared::cta.b1024.b32 [tile], 6;
READY: bar.sync 0; setp.gt.u32 %p3, %r1, 31; @%p3 bra END; tensormap.cp_fenceproxy.global.shared::cta.tensormap::generic.release.gpu.sync.aligned [%rd3], [tile], 128;
  fence.proxy.tensormap::generic.acquire.gpu [%rd3], 128; END:)",
    // Matrices.
    R"( ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r10, %r11, %r12, %r13}, [%r6]; ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%r14, %r15}, [%r6];
  mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f1, %f2, %f3, %f4}, {%r10, %r11, %r12, %r13}, {%r14, %r15}, {%f1, %f2, %f3, %f4};
  mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%f1, %f2, %f3, %f4}, {%r10, %r11, %r12, %r13}, {%r14, %r15}, {%f1, %f2, %f3, %f4};
  mma.sync.aligned.m16n8k32.row.col.satfinite.s32.s8.u8.s32 {%r20, %r21, %r22, %r23}, {%r10, %r11, %r12, %r13}, {%r14, %r15}, {%r20, %r21, %r22, %r23};
  mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%d1, %d2}, {%d3}, {%d4}, {%d1, %d2};
  movmatrix.sync.aligned.m8n8.trans.b16 %r24, %r10; stmatrix.sync.aligned.m8n8.x4.shared.b16 [%r6], {%r10, %r11, %r12, %r13}; st.global.v4.f32 [%rd7], {%f1, %f2, %f3, %f4};
  wmma.load.a.sync.aligned.row.m16n16k16.shared.f16 {%r30, %r31, %r32, %r33, %r34, %r35, %r36, %r37}, [tile], 16;
  wmma.store.d.sync.aligned.row.m16n16k16.global.f32 [%rd2], {%f10, %f11, %f12, %f13, %f14, %f15, %f16, %f17}, %r4;)",
    R"( mov.u32 %r30, tile; cvt.u64.u32 %rd10, %r30; shr.u64 %rd10, %rd10, 4; add.u64 %rd11, %rd10, 128; or.b64 %rd10, %rd10, 0x0000001000080000; or.b64 %rd11, %rd11, 0x0000001000080000;
  st.shared.b32 [%r6], %r1; fence.proxy.async; bar.sync 0; wgmma.fence.sync.aligned; setp.ne.u32 %p1, %r4, 0;
  wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 {%f0, %f1, %f2, %f3, %f4, %f5, %f6, %f7}, %rd10, %rd11, %p1, 1, 1, 0, 0;
  wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%f10, %f11, %f12, %f13}, {%r10, %r11, %r12, %r13}, %rd11, 1, 1, -1, 1;
  wgmma.mma_async.sync.aligned.m64n8k32.s32.s8.s8 {%r20, %r21, %r22, %r23}, %rd10, %rd11, %p1;
  wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0; st.global.v4.f32 [%rd7], {%f0, %f1, %f2, %f3}; setmaxnreg.inc.sync.aligned.u32 64; setmaxnreg.dec.sync.aligned.u32 40;)",
    // Control: calls, recursion, indirect calls, tables of branches, local memory by alloca.
    R"( { .param .b32 in; .param .b32 out; st.param.b32 [in], %r4; call.uni (out), second, (in); ld.param.b32 %r10, [out]; }
  ld.global.u64 %rd10, [table+8]; and.b32 %r11, %r1, 1; @%p1 ld.global.u64 %rd10, [table];
  { .param .b32 in; .param .b32 out; P: .callprototype (.param .b32 _) _ (.param .b32 _); st.param.b32 [in], %r11; call (out), %rd10, (in), P; ld.param.b32 %r12, [out]; }
  T: .branchtargets L0, L1, L2; brx.idx %r11, T;
L0: add.u32 %r5, %r5, 1; setp.lt.u32 %p2, %r5, 20; @%p2 bra L0; bra.uni L2;
L1: stacksave.u64 %rd20; alloca.u64 %rd21, 64, 16; st.local.b32 [%rd21+60], %r5; stackrestore.u64 %rd20;
L2: add.u32 %r13, %r10, %r12; st.global.u32 [%rd6], %r13; setp.gt.u32 %p3, %r13, 99999; @%p3 trap; @%p3 exit;)",
    R"( .reg .b32 %i; mov.u32 %i, 0;
OUTER: mov.u32 %r10, 0;
INNER: mul.wide.u32 %rd10, %r10, 4; add.u64 %rd11, %rd6, %rd10; ld.global.f32 %f1, [%rd11]; fma.rn.f32 %f2, %f1, %f1, %f2; add.u32 %r10, %r10, 1;
  setp.lt.u32 %p1, %r10, 4; @%p1 bra INNER; bar.sync 0; add.u32 %i, %i, 1; setp.lt.u32 %p2, %i, %r4; @%p2 bra OUTER; st.global.f32 [%rd7], %f2;
  setp.eq.u32 %p3, %r1, 5; @%p3 bra SPIN; st.shared.volatile.b32 [tile], 1; bra DONE;
SPIN: ld.volatile.shared.b32 %r11, [tile]; setp.ne.u32 %p4, %r11, 1; @%p4 bra SPIN; DONE:)",
    // What the system provides.
    R"( .local .align 8 .b8 values[32]; mov.b64 %rd10, values; cvta.local.u64 %rd11, %rd10; st.local.b32 [values], %r1; st.local.b64 [values+8], %rd13; st.local.f64 [values+16], %d1;
  mov.b64 %rd12, message; cvta.global.u64 %rd13, %rd12; st.local.b64 [values+8], %rd13;
  { .param .b64 f; .param .b64 v; .param .b32 s; st.param.b64 [f], %rd13; st.param.b64 [v], %rd11; call.uni (s), vprintf, (f, v); ld.param.b32 %r10, [s]; }
  { .param .b64 size; .param .b64 address; st.param.b64 [size], 100; call.uni (address), malloc, (size); ld.param.b64 %rd14, [address]; }
  st.b32 [%rd14+96], %r1; ld.b32 %r11, [%rd14+96]; { .param .b64 address; st.param.b64 [address], %rd14; call.uni free, (address); }
  setp.gt.u32 %p1, %r11, 5000; @!%p1 bra FINE; { .param .b64 m; .param .b64 fl; .param .b32 l; .param .b64 fn; .param .b64 s; st.param.b64 [m], %rd13; st.param.b64 [fl], %rd13;
  st.param.b32 [l], 7; st.param.b64 [fn], %rd13; st.param.b64 [s], 1; call.uni __assertfail, (m, fl, l, fn, s); }
FINE: mov.u32 %r12, %clock; mov.u64 %rd15, %globaltimer; mov.u32 %r13, %smid; mov.u32 %r14, %dynamic_smem_size; griddepcontrol.wait; griddepcontrol.launch_dependents;)",
    // Arithmetic whose results may be undefined in C++.
    R"( div.s32 %r10, %r1, %r5; rem.s64 %rd10, %rd4, %rd5; shl.b32 %r11, %r1, %r4; shr.s64 %rd11, %rd4, %r4; bfe.s32 %r12, %r1, %r4, %r5; bfi.b64 %rd12, %rd4, %rd5, %r4, %r1;
  cvt.rni.s32.f32 %r13, %f1; cvt.rzi.u8.f64 %h1, %d1; neg.s32 %r14, -2147483648; abs.s64 %rd13, %rd4; mul.hi.s64 %rd14, %rd4, %rd5; sad.s32 %r15, %r1, %r4, %r5; clz.b64 %r16, %rd4;
  shf.l.wrap.b32 %r17, %r1, %r4, %r5; prmt.b32 %r18, %r1, %r4, %r5; dp4a.s32.u32 %r19, %r1, %r4, %r5; lop3.b32 %r20, %r1, %r4, %r5, 0xE8; fns.b32 %r21, %r1, %r4, %r5; bmsk.clamp.b32 %r22, %r4, %r1;
  ex2.approx.f32 %f3, %f1; sin.approx.f32 %f4, %f1; sqrt.rn.f64 %d2, %d1; rcp.rn.f32 %f5, 0f00000000; copysign.f32 %f6, %f1, %f2; div.full.f32 %f7, %f1, %f2; szext.wrap.s32 %r23, %r1, %r4;
  cvt.rn.bf16x2.f32 %r24, %f1, %f2; cvt.rn.satfinite.e4m3x2.f32 %h2, %f1, %f2; vadd.s32.u32.s32.sat %r25, %r1.b1, %r4.h1; vset.u32.u32.lt %r26, %r1, %r4; mad.hi.s32 %r27, %r1, %r4, %r5; st.global.b32 [%rd6], %r27;)",
};

} // namespace ptxsim::test
