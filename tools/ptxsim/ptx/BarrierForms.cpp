// Barriers, fences and mbarriers.
#include "ptx/Forms.h"

namespace ptxsim::ptx {

// clang-format off
static constexpr Form forms[] = {
    // Section 9.7.13.1: bar and barrier; without .aligned threads of a warp may arrive apart.
    {"bar{.cta}.sync", "u32 ?u32", "barrier", 80},
    {"bar{.cta}.arrive", "u32 u32", "barrier", 80},
    {"bar{.cta}.red.popc.u32", "=u32 u32 ?u32 p", "barrier", 80},
    {"bar{.cta}.red.(and|or).pred", "=p u32 ?u32 p", "barrier", 80},
    {"barrier{.cta}.sync{.aligned}", "u32 ?u32", "barrier", 80},
    {"barrier{.cta}.arrive{.aligned}", "u32 u32", "barrier", 80},
    {"barrier{.cta}.red.popc{.aligned}.u32", "=u32 u32 ?u32 p", "barrier", 80},
    {"barrier{.cta}.red.(and|or){.aligned}.pred", "=p u32 ?u32 p", "barrier", 80},
    {"bar.warp.sync", "b32", "barrier", 80},
    {"barrier.cluster.arrive{.release|.relaxed}{.aligned}", "", "barrier", 90},
    {"barrier.cluster.wait{.acquire}{.aligned}", "", "barrier", 90},
    {"griddepcontrol.(launch_dependents|wait)", "", "barrier", 90},
    {"nanosleep.u32", "u32", "barrier", 80},
    // Section 9.7.13.4: membar and fence.
    {"membar.(cta|gl|sys)", "", "fence", 80},
    {"membar.proxy.alias", "", "fence", 80},
    {"fence{.sc|.acq_rel}.(cta|gpu|sys)", "", "fence", 80},
    {"fence{.sc|.acq_rel}.cluster", "", "fence", 90},
    {"fence.(acquire|release).(cta|cluster|gpu|sys)", "", "fence", 90},
    {"fence.acquire.sync_restrict::shared::cluster.cluster", "", "fence", 90},
    {"fence.release.sync_restrict::shared::cta.cluster", "", "fence", 90},
    {"fence.mbarrier_init.release.cluster", "", "fence", 90},
    {"fence.proxy.alias", "", "fence", 80},
    {"fence.proxy.async{.global|.shared::cta|.shared::cluster}", "", "fence", 90},
    {"fence.proxy.async::generic.acquire.sync_restrict::shared::cluster.cluster", "", "fence", 90},
    {"fence.proxy.async::generic.release.sync_restrict::shared::cta.cluster", "", "fence", 90},
    {"fence.proxy.tensormap::generic.release.(cta|cluster|gpu|sys)", "", "fence", 90},
    {"fence.proxy.tensormap::generic.acquire.(cta|cluster|gpu|sys)", "[] imm", "fence", 90},
    // Section 9.7.13.16: mbarrier.
    {"mbarrier.init{.shared|.shared::cta}.b64", "[b64] u32", "mbarrier", 80},
    {"mbarrier.inval{.shared|.shared::cta}.b64", "[b64]", "mbarrier", 80},
    {"mbarrier.(expect_tx|complete_tx){.relaxed.cta|.relaxed.cluster}{.shared|.shared::cta|.shared::cluster}.b64",
     "[b64] u32", "mbarrier", 90},
    // An arrival at a barrier of another block returns no state.
    {"mbarrier.arrive{.shared|.shared::cta}.b64", "=b64 [b64]", "mbarrier", 80},
    {"mbarrier.arrive{.shared|.shared::cta}.b64", "=b64 [b64] u32", "mbarrier", 90},
    {"mbarrier.arrive.(release|relaxed).(cta|cluster){.shared|.shared::cta}.b64", "=b64 [b64] ?u32", "mbarrier", 90},
    {"mbarrier.arrive{.(release|relaxed).(cta|cluster)}.shared::cluster.b64", "_ [b64] ?u32", "mbarrier", 90},
    {"mbarrier.arrive.expect_tx{.(release|relaxed).(cta|cluster)}{.shared|.shared::cta}.b64",
     "=b64 [b64] u32", "mbarrier", 90},
    {"mbarrier.arrive.expect_tx{.(release|relaxed).(cta|cluster)}.shared::cluster.b64", "_ [b64] u32", "mbarrier", 90},
    {"mbarrier.arrive.noComplete{.release.cta}{.shared|.shared::cta}.b64", "=b64 [b64] u32", "mbarrier", 80},
    {"mbarrier.arrive_drop{.shared|.shared::cta}.b64", "=b64 [b64]", "mbarrier", 80},
    {"mbarrier.arrive_drop{.shared|.shared::cta}.b64", "=b64 [b64] u32", "mbarrier", 90},
    {"mbarrier.arrive_drop.(release|relaxed).(cta|cluster){.shared|.shared::cta}.b64",
     "=b64 [b64] ?u32", "mbarrier", 90},
    {"mbarrier.arrive_drop{.(release|relaxed).(cta|cluster)}.shared::cluster.b64", "_ [b64] ?u32", "mbarrier", 90},
    {"mbarrier.arrive_drop.expect_tx{.(release|relaxed).(cta|cluster)}{.shared|.shared::cta}.b64",
     "=b64 [b64] u32", "mbarrier", 90},
    {"mbarrier.arrive_drop.expect_tx{.(release|relaxed).(cta|cluster)}.shared::cluster.b64",
     "_ [b64] u32", "mbarrier", 90},
    {"mbarrier.arrive_drop.noComplete{.release.cta}{.shared|.shared::cta}.b64", "=b64 [b64] u32", "mbarrier", 80},
    {"mbarrier.test_wait{.shared|.shared::cta}.b64", "=p [b64] b64", "mbarrier", 80},
    {"mbarrier.test_wait.(acquire|relaxed).(cta|cluster){.shared|.shared::cta}.b64", "=p [b64] b64", "mbarrier", 90},
    {"mbarrier.test_wait.parity{.shared|.shared::cta}.b64", "=p [b64] u32", "mbarrier", 80},
    {"mbarrier.test_wait.parity.(acquire|relaxed).(cta|cluster){.shared|.shared::cta}.b64",
     "=p [b64] u32", "mbarrier", 90},
    {"mbarrier.try_wait{.(acquire|relaxed).(cta|cluster)}{.shared|.shared::cta}.b64",
     "=p [b64] b64 ?u32", "mbarrier", 90},
    {"mbarrier.try_wait.parity{.(acquire|relaxed).(cta|cluster)}{.shared|.shared::cta}.b64",
     "=p [b64] u32 ?u32", "mbarrier", 90},
    {"mbarrier.pending_count.b64", "=u32 b64", "mbarrier", 80},
    {"cp.async.mbarrier.arrive{.noinc}{.shared|.shared::cta}.b64", "[b64]", "mbarrier", 80},
};
// clang-format on

llvm::ArrayRef<Form> barrierForms() { return forms; }

} // namespace ptxsim::ptx
