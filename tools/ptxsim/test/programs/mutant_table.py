"""The mutants: one row each, grouped by kernel. Left out are mutations that change nothing that a program may rely on, such
as setmaxnreg, or waits for a slot that is empty from the start."""
from typing import NamedTuple


class Mutant(NamedTuple):
    program: str
    architecture: str
    kernel: str
    what: str
    pattern: str
    replacement: str
    which: int = 1  # which match of the pattern


def of(program, architecture, kernel, *rows):
    return [Mutant(program, architecture, kernel, *row) for row in rows]


# Waits as nvcc and as LLVM print them. Without: it is not executed; ignored: it is executed once.
WAIT = r"mbarrier\.try_wait\.parity\S* done, .*;"
NO_WAIT = r"setp.eq.u32 done, 0, 0;"
RESULT = r"selp\.u32 (%r\d+), 1, 0, done;"
IGNORED = r"mov.u32 \1, 1;"
PARITY = r"(mbarrier\.try_wait\.parity\S* done, \[%r\d+\]), (%r\d+);"
LLVM_WAIT = r"mbarrier\.try_wait\.parity\S* P1, .*;"
LLVM_NO_WAIT = r"setp.eq.u32 P1, 0, 0;"
LLVM_RESULT = r"@P1 bra\.uni DONE;"
LLVM_IGNORED = r"bra.uni DONE;"

MUTANTS = [
    *of("MmaGemm", "sm_80", "gemmBf16",
        ("loop: barrier removed", r"bar\.sync\s+0;", ""),
        ("loop: wait_group 1 becomes 2", r"wait_group 1;", "wait_group 2;"),
        ("loop: wait_group removed", r"cp\.async\.wait_group 1;", ""),
        ("prologue: first commit removed", r"cp\.async\.commit_group;", "", 1),
        ("loop: commit removed", r"cp\.async\.commit_group;", "", 3),
        ("A: 8 of 16 bytes", r"selp\.b32\s+(%r\d+), 16, 0, (%p\d+);", r"selp.b32 \1, 8, 0, \2;", 1),
        ("loop: copy of 8 bytes zero-filled to 16", r"(cp\.async\.cg\.shared\.global \[%r\d+\], \[%rd\d+\]), 16, (%r\d+);", r"\1, 16, 8;", 5),
        ("copy's swizzle: row bit lost", r"and\.b32\s+(%r\d+), (%r\d+), 3;", r"and.b32 \1, \2, 2;", 1),
        ("copy's swizzle: xor becomes add", r"xor\.b32\s+(%r\d+), (%r\d+), (%r\d+);", r"add.s32 \1, \2, \3;", 1),
        ("ldmatrix: swizzle of A", r"xor\.b32\s+(%r\d+), (%r\d+), (%r\d+);", r"mov.b32 \1, \2;", 5),
        ("ldmatrix: first A fragment 16 bytes on", r"(ldmatrix\S+ \{.*\}), \[(%r\d+)\];", r"\1, [\2+16];", 1),
        ("ldmatrix: last B fragment 1024 bytes on", r"(ldmatrix\S+ \{.*\}), \[(%r\d+)\];", r"\1, [\2+1024];", 8),
        ("ldmatrix: misaligned row", r"(ldmatrix\S+ \{.*\}), \[(%r\d+)\];", r"\1, [\2+4];", 2),
        ("ldmatrix: transposed", r"m8n8\.x4\.shared", "m8n8.x4.trans.shared", 3),
        ("mma: fragment's registers exchanged", r"\{(%r\d+), (%r\d+), (%r\d+), (%r\d+)\}, \{(%r\d+), (%r\d+)\}", r"{\2, \1, \3, \4}, {\5, \6}", 2),
        ("mma: B's halves exchanged", r"\{(%r\d+), (%r\d+), (%r\d+), (%r\d+)\}, \{(%r\d+), (%r\d+)\}", r"{\1, \2, \3, \4}, {\6, \5}", 7),
        ("rows: bound of A one too far", r"setp\.lt\.s32\s+(%p\d+), (%r\d+), (%r\d+);", r"setp.le.s32 \1, \2, \3;", 2),
        ("store: column bound one too far", r"setp\.ge\.s32\s+(%p\d+), (%r\d+), (%r\d+);", r"setp.gt.s32 \1, \2, \3;", 3)),
    *of("GroupedGemm", "sm_80", "groupedGemm",
        ("loop: barrier removed", r"bar\.sync\s+0;", ""),
        ("loop: wait_group 1 becomes 2", r"wait_group\s+1;", "wait_group 2;"),
        ("loop: wait_group removed", r"cp\.async\.wait_group\s+1;", ""),
        ("prologue: second commit removed", r"cp\.async\.commit_group;", "", 2),
        ("loop: commit removed", r"cp\.async\.commit_group;", "", 3),
        ("ring: reader wraps at 4", r"setp\.eq\.b64\s+(%p\d+), (%rd\d+), 3;", r"setp.eq.b64 \1, \2, 4;", 1),
        ("ring: writer wraps at 2", r"setp\.eq\.b64\s+(%p\d+), (%rd\d+), 3;", r"setp.eq.b64 \1, \2, 2;", 2),
        ("loop: one step less", r"setp\.lt\.u64\s+(%p\d+), (%rd\d+), 128;", r"setp.lt.u64 \1, \2, 96;"),
        ("loop: one step more", r"setp\.lt\.u64\s+(%p\d+), (%rd\d+), 128;", r"setp.lt.u64 \1, \2, 160;"),
        ("loop: prefetch past the end", r"setp\.gt\.u64\s+(%p\d+), (%rd\d+), 95;", r"setp.gt.u64 \1, \2, 191;"),
        ("rows of the group: 8 of 16 bytes", r"selp\.b32\s+(%r\d+), 16, 0, (%p\d+);", r"selp.b32 \1, 8, 0, \2;", 1),
        ("rows of the group are zeroed", r"selp\.b32\s+(%r\d+), 16, 0, (%p\d+);", r"selp.b32 \1, 0, 16, \2;", 2),
        ("swizzle of the copies", r"and\.b64\s+(%rd\d+), (%rd\d+), 24;", r"and.b64 \1, \2, 8;"),
        ("prologue: second stage's offset", r"\+8192\], \[(%rd\d+)\+64\]", r"+4096], [\1+64]", 1),
        ("ldmatrix: offset of a fragment", r"(ldmatrix\S+ \{.*\}), \[(%rd\d+)\+1024\];", r"\1, [\2+512];", 1),
        ("ldmatrix: x4 address of the second half", r"(ldmatrix\S+ \{.*\}), \[(%rd\d+)\];", r"\1, [\2+32];", 8),
        ("store: row bound one too far", r"setp\.ge\.u64\s+(%p\d+), (%rd\d+), (%rd\d+);", r"setp.gt.u64 \1, \2, \3;", 1)),
    *of("HopperGemm", "sm_90a", "hopperGemm",
        ("barrier behind mbarrier.init removed", r"bar\.sync\s+0;", ""),
        ("fence.mbarrier_init removed", r"fence\.mbarrier_init\.release\.cluster;", ""),
        ("init: full barrier counts 2", r"(mbarrier\.init\.shared\.b64\s+\[barriers\]), %r\d+;", r"\1, 2;"),
        ("init: empty barrier counts 1", r"(mbarrier\.init\.shared\.b64\s+\[barriers\+32\]), %r\d+;", r"\1, 1;"),
        ("init: one barrier is forgotten", r"mbarrier\.init\.shared\.b64\s+\[barriers\+16\], %r\d+;", ""),
        ("consumer: first wait removed", LLVM_WAIT, LLVM_NO_WAIT, 1),
        ("consumer: first wait's result ignored", LLVM_RESULT, LLVM_IGNORED, 1),
        ("consumer: loop wait removed", LLVM_WAIT, LLVM_NO_WAIT, 2),
        ("consumer: loop wait's result ignored", LLVM_RESULT, LLVM_IGNORED, 2),
        ("producer: wait of step 4 removed", LLVM_WAIT, LLVM_NO_WAIT, 7),
        ("producer: wait of step 4's result ignored", LLVM_RESULT, LLVM_IGNORED, 7),
        ("producer: wait of step 5 removed", LLVM_WAIT, LLVM_NO_WAIT, 8),
        ("producer: wait of step 5's result ignored", LLVM_RESULT, LLVM_IGNORED, 8),
        ("producer: wait of step 8 removed", LLVM_WAIT, LLVM_NO_WAIT, 11),
        ("producer: wait of step 8's result ignored", LLVM_RESULT, LLVM_IGNORED, 11),
        ("producer: parity of step 0 flipped", r"P1, \[(%r\d+)\], (%r\d+), 10000000;", r"P1, [\1], 0, 10000000;", 2),
        ("consumer: parity of the first wait flipped", r"P1, \[(%r\d+)\], 0, 10000000;", r"P1, [\1], 1, 10000000;", 1),
        ("expect_tx: too few bytes", r"(expect_tx\.shared\.b64 %rd\d+, \[barriers\+8\]), %r\d+;", r"\1, 32768;", 1),
        ("expect_tx: too many bytes", r"(expect_tx\.shared\.b64 %rd\d+, \[barriers\+16\]), %r\d+;", r"\1, 49168;", 1),
        ("producer: expect_tx removed", r"mbarrier\.arrive\.expect_tx\.shared\.b64 %rd\d+, \[barriers\+24\], %r\d+;", "", 1),
        ("consumer: arrive removed", r"mbarrier\.arrive\.shared\.b64\s+%rd\d+, \[%rd\d+\];", ""),
        ("TMA: coordinates swapped", r"(cp\.async\.bulk\.tensor\S+ \[%rd\d+\], \[%rd\d+), \{(%r\d+), (%r\d+)\}", r"\1, {\3, \2}", 3),
        ("TMA: a copy removed", r"cp\.async\.bulk\.tensor.*;", "", 4),
        ("TMA: tile 128 bytes on", r"(cp\.async\.bulk\.tensor\S+) \[(%rd\d+)\]", r"\1 [\2+128]", 5),
        ("TMA: signals the wrong barrier", r"(cp\.async\.bulk\.tensor.*), \[barriers\+8\];", r"\1, [barriers+16];", 2),
        ("descriptor: stride of eight rows", r"or\.b64\s+(%rd\d+), (%rd\d+), 4611686293305294848;", r"or.b64 \1, \2, 4611686155866341376;", 1),
        ("descriptor: no swizzle", r"or\.b64\s+(%rd\d+), (%rd\d+), 4611686293305294848;", r"or.b64 \1, \2, 274877906944;", 2),
        ("descriptor: 64-byte swizzle", r"or\.b64\s+(%rd\d+), (%rd\d+), 4611686293305294848;", r"or.b64 \1, \2, 9223372311732682752;", 3),
        ("wgmma: commit of the loop removed", r"wgmma\.commit_group\.sync\.aligned;", "", 2),
        ("wgmma: wait 1 becomes 2", r"wgmma\.wait_group\.sync\.aligned\s+1;", "wgmma.wait_group.sync.aligned 2;"),
        ("wgmma: wait 1 removed", r"wgmma\.wait_group\.sync\.aligned\s+1;", ""),
        ("wgmma: last wait removed", r"wgmma\.wait_group\.sync\.aligned\s+0;", ""),
        ("wgmma: first product accumulates", r"setp\.ne\.b32 p, 0, 0;", "setp.eq.b32 p, 0, 0;"),
        ("wgmma: a product overwrites", r"setp\.ne\.b32 p, 1, 0;", "setp.eq.b32 p, 1, 0;", 5),
        ("ring: wraps at 3", r"setp\.eq\.b32\s+(%p\d+), (%r\d+), 4;", r"setp.eq.b32 \1, \2, 3;"),
        ("ring: phase is not flipped", r"xor\.b32\s+(%r\d+), (%r\d+), (%r\d+);", r"mov.b32 \1, \2;")),
    *of("WgmmaGemm", "sm_90a", "gemmRegistersBf16",
        ("warpgroup barrier before the release removed", r"bar\.sync %r\d+, 128;", ""),
        ("consumer: wait removed", WAIT, NO_WAIT, 1),
        ("wgmma: wait removed", r"wgmma\.wait_group\.sync\.aligned 0;", "", 1),
        ("ldmatrix: swizzle", r"xor\.b32\s+(%r\d+), (%r\d+), (%r\d+);", r"or.b32 \1, \2, \3;", 2)),
    *of("WgmmaGemm", "sm_90a", "gemmPersistent",
        ("tile ring: consumer's wait removed", WAIT, NO_WAIT, 1),
        ("tile ring: consumer's arrive removed", r"mbarrier\.arrive\.shared::cta\.b64 state, \[%r\d+\];", "", 1),
        ("tile ring: producer's wait removed", WAIT, NO_WAIT, 3),
        ("tile ring: producer's arrive before the store", r"st\.shared\.u32\s+\[%r\d+\], %r\d+;", "", 1),
        ("producer: wait for an empty slot removed", WAIT, NO_WAIT, 4),
        ("producer: its result ignored", RESULT, IGNORED, 4),
        ("producer: parity flipped", PARITY, r"{ .reg .b32 f; xor.b32 f, \2, 1; \1, f; }", 4),
        ("counter: plain increment", r"atom\.global\.add\.u32\s+(%r\d+), \[(%rd\d+)\], 1;", r"{ .reg .b32 t; ld.global.u32 \1, [\2]; add.u32 t, \1, 1; st.global.u32 [\2], t; }")),
    *of("ClusterGemm", "sm_90a", "gemm",
        ("cluster barrier at the start: wait removed", r"barrier\.cluster\.wait\.acquire\.aligned;", "", 1),
        ("cluster barrier at the end removed", r"barrier\.cluster\.arrive\.release\.aligned;\s*barrier\.cluster\.wait\.acquire\.aligned;", "", 2),
        ("multicast mask names one block", r"(multicast::cluster \[.*\]), %rs\d+;", r"\1, 1;"),
        ("multicast mask names a block that is not there", r"(multicast::cluster \[.*\]), %rs\d+;", r"\1, 7;"),
        ("release goes to the own block only", r"mapa\.shared::cluster\.u32 remote, (%r\d+), %r\d+;", r"mapa.shared::cluster.u32 remote, \1, 0;"),
        ("release removed", r"mbarrier\.arrive\.release\.cluster\.shared::cluster\.b64 _, \[remote\];", ""),
        ("producer: wait removed", WAIT, NO_WAIT, 1),
        ("consumer: wait removed", WAIT, NO_WAIT, 2),
        ("consumer: result ignored", RESULT, IGNORED, 2),
        ("store: proxy fence removed", r"fence\.proxy\.async\.shared::cta;", "", 1),
        ("store: barrier behind the fence removed", r"bar\.sync 1, 128;", "", 1),
        ("store: barrier's number", r"bar\.sync 1, 128;", "bar.sync 1, 96;", 1),
        ("store: wait for reads removed", r"cp\.async\.bulk\.wait_group\.read 0;", "", 1),
        ("store: commit removed", r"cp\.async\.bulk\.commit_group;", "", 1),
        ("store: swizzle", r"xor\.b32\s+(%r\d+), (%r\d+), (%r\d+);", r"add.s32 \1, \2, \3;", 1)),
    *of("TensorCopy", "sm_90a", "exchange",
        ("cluster barrier at the start removed", r"barrier\.cluster\.arrive\.release\.aligned;\s*barrier\.cluster\.wait\.acquire\.aligned;", "", 1),
        ("wait for the load removed", WAIT, NO_WAIT, 1),
        ("wait for the peer removed", WAIT, NO_WAIT, 2),
        ("proxy fence removed", r"fence\.proxy\.async\.shared::cta;", ""),
        ("peer becomes the own rank", r"xor\.b32\s+(%r\d+), (%r\d+), 1;", r"mov.b32 \1, \2;"),
        ("wait for the stores removed", r"cp\.async\.bulk\.wait_group 0;", ""),
        ("add becomes maximum", r"bulk_group\.add\.u32", "bulk_group.max.u32")),
    *of("Reduction", "sm_80", "sumAtomic",
        ("shuffle: distance", r"(shfl\.sync\.down\.b32\s+%r\d+\|%p\d+, %r\d+), %r\d+,", r"\1, 3,", 1),
        ("shuffle: mask", r"(shfl\.sync\.down\.b32\s+.*), %r\d+;", r"\1, 65535;", 1),
        ("barrier removed", r"bar\.sync\s+0;", "")),
    *of("Scan", "sm_90a", "scanLookBack",
        ("release of the sum becomes relaxed", r"st\.release\.gpu", "st.relaxed.gpu", 1),
        ("release of the prefix becomes relaxed", r"st\.release\.gpu", "st.relaxed.gpu", 2),
        ("release gets block scope", r"st\.release\.gpu", "st.release.cta", 1),
        ("acquire of the first look becomes relaxed", r"ld\.acquire\.gpu", "ld.relaxed.gpu", 1),
        ("acquire of later looks becomes relaxed", r"ld\.acquire\.gpu", "ld.relaxed.gpu", 2)),
    *of("Locks", "sm_90a", "chain",
        ("fence behind the flag's read removed", r"membar\.gl;", "", 1),
        ("fence before the flag's write removed", r"membar\.gl;", "", 2),
        ("fence before the flag's write gets block scope", r"membar\.gl;", "membar.cta;", 2)),
    *of("Locks", "sm_90a", "passMessages",
        *((f"warp barrier {i} removed", r"bar\.warp\.sync\s+-1;", "", i) for i in range(1, 5)),
        ("message's release becomes relaxed", r"st\.release\.gpu", "st.relaxed.gpu", 2)),
]
