// Warpgroup-level matrix instructions.
#include "ptx/Forms.h"

namespace ptxsim::ptx {

#define SHAPE_K8                                                                                                       \
  ".("                                                                                                                 \
  "m64n8k8|m64n16k8|m64n24k8|m64n32k8|m64n40k8|m64n48k8|m64n56k8|m64n64k8|m64n72k8|m64n80k8|"                          \
  "m64n88k8|m64n96k8|m64n104k8|m64n112k8|m64n120k8|m64n128k8|m64n136k8|m64n144k8|m64n152k8|"                           \
  "m64n160k8|m64n168k8|m64n176k8|m64n184k8|m64n192k8|m64n200k8|m64n208k8|m64n216k8|m64n224k8|"                         \
  "m64n232k8|m64n240k8|m64n248k8|m64n256k8"                                                                            \
  ")"
#define SHAPE_K16                                                                                                      \
  ".("                                                                                                                 \
  "m64n8k16|m64n16k16|m64n24k16|m64n32k16|m64n40k16|m64n48k16|m64n56k16|m64n64k16|m64n72k16|"                          \
  "m64n80k16|m64n88k16|m64n96k16|m64n104k16|m64n112k16|m64n120k16|m64n128k16|m64n136k16|"                              \
  "m64n144k16|m64n152k16|m64n160k16|m64n168k16|m64n176k16|m64n184k16|m64n192k16|m64n200k16|"                           \
  "m64n208k16|m64n216k16|m64n224k16|m64n232k16|m64n240k16|m64n248k16|m64n256k16"                                       \
  ")"
#define SHAPE_K32                                                                                                      \
  ".("                                                                                                                 \
  "m64n8k32|m64n16k32|m64n24k32|m64n32k32|m64n40k32|m64n48k32|m64n56k32|m64n64k32|m64n72k32|"                          \
  "m64n80k32|m64n88k32|m64n96k32|m64n104k32|m64n112k32|m64n120k32|m64n128k32|m64n136k32|"                              \
  "m64n144k32|m64n152k32|m64n160k32|m64n168k32|m64n176k32|m64n184k32|m64n192k32|m64n200k32|"                           \
  "m64n208k32|m64n216k32|m64n224k32|m64n232k32|m64n240k32|m64n248k32|m64n256k32"                                       \
  ")"
#define SHAPE_K32_INTEGER                                                                                              \
  ".("                                                                                                                 \
  "m64n8k32|m64n16k32|m64n24k32|m64n32k32|m64n48k32|m64n64k32|m64n80k32|m64n96k32|m64n112k32|"                         \
  "m64n128k32|m64n144k32|m64n160k32|m64n176k32|m64n192k32|m64n208k32|m64n224k32|m64n240k32|"                           \
  "m64n256k32"                                                                                                         \
  ")"
#define SHAPE_K256                                                                                                     \
  ".("                                                                                                                 \
  "m64n8k256|m64n16k256|m64n24k256|m64n32k256|m64n48k256|m64n64k256|m64n80k256|m64n96k256|"                            \
  "m64n112k256|m64n128k256|m64n144k256|m64n160k256|m64n176k256|m64n192k256|m64n208k256|"                               \
  "m64n224k256|m64n240k256|m64n256k256"                                                                                \
  ")"

// clang-format off
static constexpr Form forms[] = {
    // Section 9.7.15: A is a descriptor (SS) or four registers (RS), B a descriptor. Then: whether to add to D, signs of
    // A and B, and for halves whether A (only SS) and B are transposed.
    {"wgmma.mma_async.sync.aligned" SHAPE_K16 ".f32.f16.f16", "+{f32*N/2} b64 b64 p imm imm imm imm", "wgmma", 90},
    {"wgmma.mma_async.sync.aligned" SHAPE_K16 ".f32.f16.f16", "+{f32*N/2} {b32*4} b64 p imm imm imm", "wgmma", 90},
    {"wgmma.mma_async.sync.aligned" SHAPE_K16 ".f16.f16.f16", "+{b32*N/4} b64 b64 p imm imm imm imm", "wgmma", 90},
    {"wgmma.mma_async.sync.aligned" SHAPE_K16 ".f16.f16.f16", "+{b32*N/4} {b32*4} b64 p imm imm imm", "wgmma", 90},
    {"wgmma.mma_async.sync.aligned" SHAPE_K16 ".f32.bf16.bf16", "+{f32*N/2} b64 b64 p imm imm imm imm", "wgmma", 90},
    {"wgmma.mma_async.sync.aligned" SHAPE_K16 ".f32.bf16.bf16", "+{f32*N/2} {b32*4} b64 p imm imm imm", "wgmma", 90},
    {"wgmma.mma_async.sync.aligned" SHAPE_K8 ".f32.tf32.tf32", "+{f32*N/2} b64 b64 p imm imm", "wgmma", 90},
    {"wgmma.mma_async.sync.aligned" SHAPE_K8 ".f32.tf32.tf32", "+{f32*N/2} {b32*4} b64 p imm imm", "wgmma", 90},
    {"wgmma.mma_async.sync.aligned" SHAPE_K32 ".f32.(e4m3|e5m2).(e4m3|e5m2)",
     "+{f32*N/2} b64 b64 p imm imm", "wgmma", 90},
    {"wgmma.mma_async.sync.aligned" SHAPE_K32 ".f32.(e4m3|e5m2).(e4m3|e5m2)",
     "+{f32*N/2} {b32*4} b64 p imm imm", "wgmma", 90},
    {"wgmma.mma_async.sync.aligned" SHAPE_K32 ".f16.(e4m3|e5m2).(e4m3|e5m2)",
     "+{b32*N/4} b64 b64 p imm imm", "wgmma", 90},
    {"wgmma.mma_async.sync.aligned" SHAPE_K32 ".f16.(e4m3|e5m2).(e4m3|e5m2)",
     "+{b32*N/4} {b32*4} b64 p imm imm", "wgmma", 90},
    {"wgmma.mma_async.sync.aligned" SHAPE_K32_INTEGER "{.satfinite}.s32.(u8|s8).(u8|s8)",
     "+{s32*N/2} b64 b64 p", "wgmma", 90},
    {"wgmma.mma_async.sync.aligned" SHAPE_K32_INTEGER "{.satfinite}.s32.(u8|s8).(u8|s8)",
     "+{s32*N/2} {b32*4} b64 p", "wgmma", 90},
    {"wgmma.mma_async.sync.aligned" SHAPE_K256 ".s32.b1.b1.and.popc", "+{s32*N/2} b64 b64 p", "wgmma", 90},
    {"wgmma.mma_async.sync.aligned" SHAPE_K256 ".s32.b1.b1.and.popc", "+{s32*N/2} {b32*4} b64 p", "wgmma", 90},
    {"wgmma.fence.sync.aligned", "", "wgmma", 90},
    {"wgmma.commit_group.sync.aligned", "", "wgmma", 90},
    {"wgmma.wait_group.sync.aligned", "imm", "wgmma", 90},
    {"setmaxnreg.(inc|dec).sync.aligned.u32", "imm", "wgmma", 90},
};
// clang-format on

llvm::ArrayRef<Form> wgmmaForms() { return forms; }

} // namespace ptxsim::ptx
