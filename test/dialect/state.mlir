// RUN: motley-opt %s | motley-opt | FileCheck %s

// Tests what the examples of the descriptions don't show: every kind of start, layouts, names of consumed losses.

// CHECK: motley.modality @text ids 0 to 4096
motley.modality @text ids 0 to 4096

// CHECK: motley.variable @constant : tensor<8xf32> init constant -1.000000e+00
motley.variable @constant : tensor<8xf32> init constant -1.0
// CHECK: motley.variable @normal : tensor<8x16xf32> init normal 0.000000e+00
motley.variable @normal : tensor<8x16xf32> init normal 0.0
// CHECK: motley.variable @uniform : tensor<8x16xf32> init uniform 5.000000e-01
motley.variable @uniform : tensor<8x16xf32> init uniform 0.5
// CHECK: motley.variable @table : tensor<1x1xf32> init normal 2.000000e-02
motley.variable @table : tensor<1x1xf32> init normal 0.02

// CHECK: motley.bank @vectors {{\[\[}}@constant]]
motley.bank @vectors [[@constant]]
// CHECK: motley.bank @matrices {{\[\[}}@normal], [@uniform]] layout panels
motley.bank @matrices [[@normal], [@uniform]] layout panels
// CHECK: motley.bank @tables {{\[\[}}@table]] layout rows
motley.bank @tables [[@table]] layout rows

// CHECK: motley.train @loss adamw beta1 0.000000e+00 beta2 5.000000e-01 epsilon 1.000000e-08 weight_decay 0.000000e+00 clip 0.000000e+00 losses ["ce"]
motley.train @loss adamw beta1 0.0 beta2 0.5 epsilon 1.0e-8 weight_decay 0.0 clip 0.0 losses ["ce"]
