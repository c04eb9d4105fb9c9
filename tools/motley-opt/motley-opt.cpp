// motley-opt: reads a module, runs the passes that its flags name, prints the module. For tests and for looking.
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "passes/Pipelines.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::motley::registerDialects(registry);
  mlir::motley::registerPassesAndPipelines();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "motley optimizer driver\n", registry));
}
