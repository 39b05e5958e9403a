// Gloo is inside of libtorch_cpu, its headers are not shipped. c10d's ProcessGroupGloo.hpp names only what stands in
// these files: types behind pointers, and one abstract class that nobody here makes an object of.
#pragma once
