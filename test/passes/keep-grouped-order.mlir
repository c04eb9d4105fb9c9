// RUN: motley-opt %s --pass-pipeline='builtin.module(func.func(motley-keep-grouped-order))' --split-input-file --verify-diagnostics | FileCheck %s

motley.variable @w : tensor<16x16xf32> init normal 0.02
motley.bank @bank.w [[@w]]

// Tests that activations are never permuted: the field is gathered once, the table of documents is reindexed, and what the
// function returns is combined at its end.
// CHECK-LABEL: func.func @layer
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x16xf32>, %[[M:[a-z0-9]+]]: tensor<32xi32>, %[[D:[a-z0-9]+]]: tensor<32xi32>, %[[P:[a-z0-9]+]]: tensor<32xi32>, %[[LIVE:[a-z0-9]+]]: i32
func.func @layer(%x: tensor<32x16xf32>, %m: tensor<32xi32>, %d: tensor<32xi32>, %p: tensor<32xi32>, %live: i32) -> tensor<32x16xf32> {
  // CHECK: %[[G:.*]] = motley.group_by %[[M]] live %[[LIVE]]
  %g = motley.group_by %m live %live : (tensor<32xi32>, i32) -> !motley.groups<2, 32>
  // CHECK-DAG: %[[XS:.*]] = motley.gather_rows %[[X]] by %[[G]]
  // CHECK-DAG: %[[PS:.*]] = motley.gather_rows %[[P]] by %[[G]]
  // CHECK-DAG: %[[DOCS:.*]] = motley.group_by %[[D]] live %[[LIVE]]
  %docs = motley.group_by %d live %live : (tensor<32xi32>, i32) -> !motley.groups<32, 32>
  // CHECK: %[[RE:.*]] = motley.reindex %[[DOCS]] into %[[G]]
  // CHECK: %[[Q:.*]] = motley.grouped_matmul @bank.w ranges [0] map [0, 0] (%[[XS]]) by %[[G]]
  %s = motley.gather_rows %x by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  %q = motley.grouped_matmul @bank.w ranges [0] map [0, 0] (%s) by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  %c = motley.combine_rows %q by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  // CHECK-NEXT: %[[R:.*]] = motley.rope %[[Q]] at %[[PS]]
  %r = motley.rope %c at %p {heads = 2 : i64, theta = 1.0e4 : f64} : tensor<32x16xf32>, tensor<32xi32>
  // CHECK-NEXT: %[[A:.*]], %{{.*}} = motley.grouped_attention {{.*}}full %[[R]], %[[R]], %[[R]] over %[[RE]]
  %a, %l = motley.grouped_attention full %r, %r, %r over %docs {heads = 2 : i64, kv_heads = 2 : i64, scale = 0.5 : f64} : (tensor<32x16xf32>, tensor<32x16xf32>, tensor<32x16xf32>, !motley.groups<32, 32>) -> (tensor<32x16xf32>, tensor<32x2xf32>)
  %t = motley.gather_rows %a by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  // CHECK-NEXT: %[[O:.*]] = motley.grouped_matmul @bank.w ranges [0] map [0, 0] (%[[A]]) by %[[G]]
  %o = motley.grouped_matmul @bank.w ranges [0] map [0, 0] (%t) by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  %y = motley.combine_rows %o by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  // CHECK-NEXT: %[[Y:.*]] = motley.combine_rows %[[O]] by %[[G]]
  // CHECK-NEXT: return %[[Y]]
  return %y : tensor<32x16xf32>
}

// -----

motley.variable @w : tensor<16x16xf32> init normal 0.02
motley.bank @bank.w [[@w]]

// Tests that with one group nothing is gathered, nothing reindexed.
// CHECK-LABEL: func.func @one_group
// CHECK-NOT: gather_rows
// CHECK-NOT: combine_rows
func.func @one_group(%x: tensor<32x16xf32>, %live: i32) -> tensor<32x16xf32> {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  %s = motley.gather_rows %x by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  %q = motley.grouped_matmul @bank.w ranges [0] map [0] (%s) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  %c = motley.combine_rows %q by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  return %c : tensor<32x16xf32>
}

// -----

// Tests that two base partitions are left alone.
// CHECK-LABEL: func.func @two_bases
// expected-remark @+1 {{goes by more than one base partition: rows are permuted around each operation}}
func.func @two_bases(%x: tensor<32x16xf32>, %m: tensor<32xi32>, %n: tensor<32xi32>, %live: i32) -> tensor<32x16xf32> {
  %g = motley.group_by %m live %live : (tensor<32xi32>, i32) -> !motley.groups<2, 32>
  %h = motley.group_by %n live %live : (tensor<32xi32>, i32) -> !motley.groups<3, 32>
  // CHECK: motley.gather_rows
  %s = motley.gather_rows %x by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  // CHECK: motley.combine_rows
  %c = motley.combine_rows %s by %h : (tensor<32x16xf32>, !motley.groups<3, 32>) -> tensor<32x16xf32>
  return %c : tensor<32x16xf32>
}

// -----

motley.modality @text ids 0 to 24
motley.modality @image ids 24 to 40

// Tests that what goes by a chosen table stays: its slots are named by where the base put the rows, and so are those of the
// documents that are reindexed into it.
// CHECK-LABEL: func.func @selection
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x16xf32>, %[[M:[a-z0-9]+]]: tensor<32xi32>, %[[D:[a-z0-9]+]]: tensor<32xi32>, %[[C:[a-z0-9]+]]: tensor<32x1xi32>
func.func @selection(%x: tensor<32x16xf32>, %m: tensor<32xi32>, %d: tensor<32xi32>, %c: tensor<32x1xi32>, %live: i32) -> tensor<32x16xf32> {
  // CHECK: %[[G:.*]] = motley.group_by %[[M]]
  // CHECK-DAG: %[[XS:.*]] = motley.gather_rows %[[X]] by %[[G]]
  // CHECK-DAG: %[[CS:.*]] = motley.gather_rows %[[C]] by %[[G]]
  // CHECK-DAG: %[[DOCS:.*]] = motley.group_by %[[D]]
  // CHECK: %[[OUTER:.*]] = motley.reindex %[[DOCS]] into %[[G]]
  // CHECK-NOT: motley.reindex
  // CHECK: %[[KEPT:.*]] = motley.restrict %[[G]] to %[[CS]]
  // CHECK: %[[A:.*]] = motley.gather_rows %[[XS]] by %[[KEPT]]
  // CHECK: %[[INNER:.*]] = motley.reindex %[[OUTER]] into %[[KEPT]]
  // CHECK: motley.mean_rows %[[A]] by %[[KEPT]] map [0, 0] over %[[INNER]]
  // CHECK: %[[Y:.*]] = motley.combine_rows %{{.*}} by %[[KEPT]] otherwise %[[XS]]
  // CHECK-NEXT: %[[BACK:.*]] = motley.combine_rows %[[Y]] by %[[G]]
  // CHECK-NEXT: return %[[BACK]]
  %g = motley.group_by %m live %live : (tensor<32xi32>, i32) -> !motley.groups<2, 32>
  %docs = motley.group_by %d live %live : (tensor<32xi32>, i32) -> !motley.groups<32, 32>
  %xs = motley.gather_rows %x by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  %cs = motley.gather_rows %c by %g : (tensor<32x1xi32>, !motley.groups<2, 32>) -> tensor<32x1xi32>
  %kept = motley.restrict %g to %cs : (!motley.groups<2, 32>, tensor<32x1xi32>) -> !motley.groups<2, 20 of 32>
  %a = motley.gather_rows %xs by %kept : (tensor<32x16xf32>, !motley.groups<2, 20 of 32>) -> tensor<20x16xf32>
  %outer = motley.reindex %docs into %g : (!motley.groups<32, 32>, !motley.groups<2, 32>) -> !motley.groups<32, 32>
  %inner = motley.reindex %outer into %kept : (!motley.groups<32, 32>, !motley.groups<2, 20 of 32>) -> !motley.groups<32, 20>
  %b = motley.mean_rows %a by %kept map [0, 0] over %inner : (tensor<20x16xf32>, !motley.groups<2, 20 of 32>, !motley.groups<32, 20>) -> tensor<20x16xf32>
  %ys = motley.combine_rows %b by %kept otherwise %xs : (tensor<20x16xf32>, !motley.groups<2, 20 of 32>, tensor<32x16xf32>) -> tensor<32x16xf32>
  %y = motley.combine_rows %ys by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  return %y : tensor<32x16xf32>
}

// -----

// Tests ids that are computed. The base's are computed from rows as they came, and gathered for who else reads them; those of
// another table are computed in slot order, and go back before the table is made.
// CHECK-LABEL: func.func @computed
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x16xf32>, %[[D:[a-z0-9]+]]: tensor<32xi32>
func.func @computed(%x: tensor<32x16xf32>, %d: tensor<32xi32>, %live: i32) -> (tensor<32x16xf32>, tensor<32xi32>) {
  // CHECK-NEXT: %[[M:.*]] = motley.hash %[[D]] {buckets = 2 : i64
  // CHECK-NEXT: %[[G:.*]] = motley.group_by %[[M]]
  // CHECK-DAG: %[[XS:.*]] = motley.gather_rows %[[X]] by %[[G]]
  // CHECK-DAG: %[[DS:.*]] = motley.gather_rows %[[D]] by %[[G]]
  // CHECK-DAG: %[[MS:.*]] = motley.gather_rows %[[M]] by %[[G]]
  // CHECK: %[[H:.*]] = motley.hash %[[DS]] {buckets = 4 : i64
  // CHECK: %[[BACK:.*]] = motley.combine_rows %[[H]] by %[[G]]
  // CHECK-NEXT: %[[DOCS:.*]] = motley.group_by %[[BACK]]
  // CHECK-NEXT: %[[RE:.*]] = motley.reindex %[[DOCS]] into %[[G]]
  // CHECK: motley.mean_rows %[[XS]] by %[[G]] map [0, 0] over %[[RE]]
  // CHECK: motley.combine_rows %[[MS]] by %[[G]]
  %h = motley.hash %d {buckets = 4 : i64, seed = 0 : i64} : tensor<32xi32>
  %m = motley.hash %d {buckets = 2 : i64, seed = 0 : i64} : tensor<32xi32>
  %g = motley.group_by %m live %live : (tensor<32xi32>, i32) -> !motley.groups<2, 32>
  %docs = motley.group_by %h live %live : (tensor<32xi32>, i32) -> !motley.groups<32, 32>
  %xs = motley.gather_rows %x by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  %a = motley.mean_rows %xs by %g map [0, 0] over %docs : (tensor<32x16xf32>, !motley.groups<2, 32>, !motley.groups<32, 32>) -> tensor<32x16xf32>
  %y = motley.combine_rows %a by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x16xf32>
  return %y, %m : tensor<32x16xf32>, tensor<32xi32>
}
