// Selections of rows, experts inside of experts, modalities that are computed, and what can't be grouped.
//
// RUN: motley-opt %s --motley-group-modalities --split-input-file --verify-diagnostics | FileCheck %s

motley.modality @text ids 0 to 24
motley.modality @image ids 24 to 40
motley.variable @a : tensor<8x8xf32> init normal 0.02
motley.variable @b : tensor<8x8xf32> init normal 0.02
motley.variable @router : tensor<8x1xf32> init normal 0.02

// Tests a selection of rows: one restricted table, inputs gathered by it, attention over the documents reindexed into it, modalities
// and experts inside by its groups, and the rows that were not chosen from %x. Choices by document go over documents in slot order.
// CHECK-LABEL: func.func @depths
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x8xf32>, %[[M:[a-z0-9]+]]: tensor<32xi32>, %[[D:[a-z0-9]+]]: tensor<32xi32>
func.func @depths(%x: tensor<32x8xf32>, %m: tensor<32xi32>, %d: tensor<32xi32> {motley.field = #motley.field<document>}, %i: tensor<32xi32>) -> tensor<32x8xf32> {
  // CHECK: %[[SCORES:.*]] = motley.combine_rows
  // CHECK: %[[BASE1:.*]] = motley.group_by %[[M]] live
  // CHECK: %[[SS:.*]] = motley.gather_rows %[[SCORES]] by %[[BASE1]]
  // CHECK: %[[DOCS1:.*]] = motley.group_by %[[D]] live {{.*}} -> !motley.groups<32, 32>
  // CHECK: %[[OVER:.*]] = motley.reindex %[[DOCS1]] into %[[BASE1]]
  // CHECK: motley.choose_tokens %[[SS]] index %{{.*}} by %[[BASE1]] map [0, 0] over %[[OVER]]
  %s = motley.linear @router(%x) : (tensor<32x8xf32>) -> tensor<32x1xf32>
  %c = motley.choose_tokens %s index %i documents %d {capacity = 0.5 : f64} : (tensor<32x1xf32>, tensor<32xi32>, tensor<32xi32>) -> tensor<32x1xi32>
  // CHECK: motley.count_chosen "depth" %{{.*}} map [0, 0]
  motley.observe "depth" %c : tensor<32x1xi32>
  // CHECK: %[[BASE:.*]] = motley.group_by %[[M]] live
  // CHECK: %[[XS:.*]] = motley.gather_rows %[[X]] by %[[BASE]]
  // CHECK: %[[KEPT:.*]] = motley.restrict %[[BASE]] to %{{.*}} -> !motley.groups<2, 20 of 32>
  // CHECK: %[[A:.*]] = motley.gather_rows %[[XS]] by %[[KEPT]] {{.*}} -> tensor<20x8xf32>
  // CHECK: %[[DOCS:.*]] = motley.group_by %[[D]] live {{.*}} -> !motley.groups<32, 32>
  // CHECK: %[[OUTER:.*]] = motley.reindex %[[DOCS]] into %[[BASE]]
  // CHECK: %[[INNER:.*]] = motley.reindex %[[OUTER]] into %[[KEPT]] {{.*}} -> !motley.groups<32, 20>
  // CHECK: motley.grouped_attention causal %[[A]], %[[A]], %[[A]] over %[[INNER]]
  // CHECK: motley.split_groups %{{.*}} by %[[KEPT]] owner [0, 1]
  // CHECK: motley.choose_tokens {{.*}} by %[[KEPT]] map [0, -1] over %{{.*}} {{.*}}!motley.groups<32, 20>) -> tensor<20x1xi32>
  // CHECK: motley.grouped_matmul @bank.b ranges [0] map [-1, 0] ({{.*}}) by %[[KEPT]]
  // CHECK: %[[T:.*]] = motley.select(%{{.*}}) counts [1] by %[[KEPT]] owner [0, -1] {{.*}} -> !motley.groups<1, 20 of 20>
  // CHECK: motley.grouped_matmul @bank.a ranges [0] map [0] ({{.*}}) by %[[T]]
  // CHECK: %[[Y:.*]] = motley.combine_rows %{{.*}} by %[[KEPT]] otherwise %[[XS]]
  // CHECK: motley.combine_rows %[[Y]] by %[[BASE]]
  %y = motley.select_rows %c (%x, %m, %d, %i) otherwise %x : (tensor<32x1xi32>, tensor<32x8xf32>, tensor<32xi32>, tensor<32xi32>, tensor<32xi32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
  ^bb0(%a: tensor<20x8xf32>, %n: tensor<20xi32>, %e: tensor<20xi32>, %j: tensor<20xi32>):
    %h = motley.attention causal %a, %a, %a documents %e {heads = 2 : i64, kv_heads = 2 : i64} : (tensor<20x8xf32>, tensor<20x8xf32>, tensor<20x8xf32>, tensor<20xi32>) -> tensor<20x8xf32>
    %f = motley.by_modality %n : tensor<20xi32> -> (tensor<20x8xf32>) {
      %t = motley.linear @router(%h) : (tensor<20x8xf32>) -> tensor<20x1xf32>
      %k = motley.choose_tokens %t index %j documents %e {capacity = 0.5 : f64} : (tensor<20x1xf32>, tensor<20xi32>, tensor<20xi32>) -> tensor<20x1xi32>
      %g = motley.experts %k (%h) : (tensor<20x1xi32>, tensor<20x8xf32>) -> tensor<20x8xf32> {
      ^bb0(%q: tensor<20x8xf32>):
        %l = motley.linear @a(%q) : (tensor<20x8xf32>) -> tensor<20x8xf32>
        motley.yield %l : tensor<20x8xf32>
      }
      motley.yield %g : tensor<20x8xf32>
    } case [@text], {
      %l = motley.linear @b(%h) : (tensor<20x8xf32>) -> tensor<20x8xf32>
      motley.yield %l : tensor<20x8xf32>
    } case [@image]
    motley.yield %f : tensor<20x8xf32>
  }
  return %y : tensor<32x8xf32>
}

// -----

motley.variable @a : tensor<8x8xf32> init normal 0.02

// Tests experts inside of experts: rows are the slots of the outer table.
// CHECK-LABEL: func.func @nested
func.func @nested(%x: tensor<32x8xf32>, %c: tensor<32x1xi32>, %i: tensor<32xi32>) -> tensor<32x8xf32> {
  // CHECK: %[[OUTER:.*]] = motley.select({{.*}} -> !motley.groups<1, 32 of 32>
  // CHECK: %[[CHOSEN:.*]] = motley.choose_tokens %{{.*}} by %[[OUTER]] map [0]
  // CHECK: %[[INNER:.*]] = motley.select(%[[CHOSEN]]) counts [2] by %[[OUTER]] owner [0] {{.*}} -> !motley.groups<2, 34 of 32>
  // CHECK: motley.combine_rows %{{.*}} by %[[INNER]]
  // CHECK: motley.combine_rows %{{.*}} by %[[OUTER]]
  %y = motley.experts %c (%x, %i) : (tensor<32x1xi32>, tensor<32x8xf32>, tensor<32xi32>) -> tensor<32x8xf32> {
  ^bb0(%a: tensor<32x8xf32>, %j: tensor<32xi32>):
    %s = motley.linear @r2(%a) : (tensor<32x8xf32>) -> tensor<32x2xf32>
    %d = motley.choose_tokens %s index %j {capacity = 0.5 : f64} : (tensor<32x2xf32>, tensor<32xi32>) -> tensor<32x2xi32>
    %e = motley.experts %d (%a) : (tensor<32x2xi32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
    ^bb0(%q: tensor<34x8xf32>):
      %l = motley.linear @a(%q) : (tensor<34x8xf32>) -> tensor<34x8xf32>
      motley.yield %l : tensor<34x8xf32>
    }, {
    ^bb0(%q: tensor<34x8xf32>):
      %l = motley.linear @a(%q) : (tensor<34x8xf32>) -> tensor<34x8xf32>
      motley.yield %l : tensor<34x8xf32>
    }
    motley.yield %e : tensor<32x8xf32>
  }
  return %y : tensor<32x8xf32>
}
motley.variable @r2 : tensor<8x2xf32> init normal 0.02

// -----

motley.modality @text ids 0 to 24
motley.modality @image ids 24 to 40
motley.variable @a : tensor<8x8xf32> init normal 0.02

// Tests modalities that are computed: what they are computed from goes first, in front of every operation that goes by them.
// CHECK-LABEL: func.func @computed
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x8xf32>, %[[D:[a-z0-9]+]]: tensor<32xi32>
// CHECK-NEXT: %[[IDS:.*]] = motley.hash %[[D]]
// CHECK-COUNT-2: motley.group_by %[[IDS]] live
func.func @computed(%x: tensor<32x8xf32>, %d: tensor<32xi32>) -> tensor<32x8xf32> {
  %z = motley.linear @a(%x) : (tensor<32x8xf32>) -> tensor<32x8xf32>
  %m = motley.hash %d {buckets = 2 : i64, seed = 0 : i64} : tensor<32xi32>
  %y = motley.by_modality %m : tensor<32xi32> -> (tensor<32x8xf32>) {
    motley.yield %z : tensor<32x8xf32>
  } case [@text], {
    motley.yield %x : tensor<32x8xf32>
  } case [@image]
  return %y : tensor<32x8xf32>
}

// -----

func.func @documents_inside(%x: tensor<32x8xf32>, %c: tensor<32x1xi32>, %d: tensor<32xi32>, %i: tensor<32xi32>) -> tensor<32x8xf32> {
  %y = motley.experts %c (%x, %d) : (tensor<32x1xi32>, tensor<32x8xf32>, tensor<32xi32>) -> tensor<32x8xf32> {
  ^bb0(%a: tensor<32x8xf32>, %e: tensor<32xi32>):
    // expected-error @+1 {{goes by documents inside of an expert, where a row may stand several times; compute it before motley.experts and pass it as an input}}
    %m = motley.mean_rows %a documents %e : (tensor<32x8xf32>, tensor<32xi32>) -> tensor<32x8xf32>
    motley.yield %m : tensor<32x8xf32>
  }
  return %y : tensor<32x8xf32>
}

// -----

func.func @documents_made_inside(%x: tensor<32x8xf32>, %c: tensor<32x1xi32>, %d: tensor<32xi32>) -> tensor<32x8xf32> {
  %y = motley.select_rows %c (%x, %d) otherwise %x : (tensor<32x1xi32>, tensor<32x8xf32>, tensor<32xi32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
  ^bb0(%a: tensor<20x8xf32>, %e: tensor<20xi32>):
    %h = motley.hash %e {buckets = 2 : i64, seed = 0 : i64} : tensor<20xi32>
    // expected-error @+1 {{takes documents that are computed inside of motley.select_rows; pass the field as an input}}
    %m = motley.mean_rows %a documents %h : (tensor<20x8xf32>, tensor<20xi32>) -> tensor<20x8xf32>
    motley.yield %m : tensor<20x8xf32>
  }
  return %y : tensor<32x8xf32>
}

// -----

motley.modality @text ids 0 to 24
motley.modality @image ids 24 to 40

// Tests that the partition of a selection counts: it is another one where its modalities came in as another field.
func.func @two_partitions(%x: tensor<32x8xf32>, %c: tensor<32x1xi32>, %m: tensor<32xi32>, %n: tensor<32xi32>) -> tensor<32x8xf32> {
  %z = motley.by_modality %m : tensor<32xi32> -> (tensor<32x8xf32>) {
    motley.yield %x : tensor<32x8xf32>
  } case [@text], {
    motley.yield %x : tensor<32x8xf32>
  } case [@image]
  %y = motley.select_rows %c (%x, %n) otherwise %z : (tensor<32x1xi32>, tensor<32x8xf32>, tensor<32xi32>, tensor<32x8xf32>) -> tensor<32x8xf32> {
  ^bb0(%a: tensor<20x8xf32>, %o: tensor<20xi32>):
    // expected-error @+1 {{goes by other modalities than an earlier one of this function; a function has one base partition}}
    %m2 = motley.by_modality %o : tensor<20xi32> -> (tensor<20x8xf32>) {
      motley.yield %a : tensor<20x8xf32>
    } case [@text], {
      motley.yield %a : tensor<20x8xf32>
    } case [@image]
    motley.yield %m2 : tensor<20x8xf32>
  }
  return %y : tensor<32x8xf32>
}
