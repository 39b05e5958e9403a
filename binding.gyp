# The second build, with node-gyp, into build/. The facts come from scripts/native-config.cjs, which CMakeLists.txt reads too.
{
  "variables": { "cuda_headers": "<!(node scripts/native-config.cjs --gyp cuda-headers)" },
  "targets": [
    {
      "target_name": "torchbridge",
      "sources": ["<!@(node scripts/native-config.cjs --gyp sources)"],
      "defines": ["<!@(node scripts/native-config.cjs --gyp definitions)"],
      # Node's own settings turn off what libtorch's headers need, and ask for an older standard.
      "cflags!": ["-fno-exceptions", "-O3"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "<!@(node scripts/native-config.cjs --gyp cflags)"],
      "ldflags": ["<!@(node scripts/native-config.cjs --gyp ldflags)"],
      "libraries": ["<!@(node scripts/native-config.cjs --gyp libraries)"],
    }
  ],
  "conditions": [
    # What needs CUDA's headers: an addon of its own, where libtorch is a CUDA build and they are found.
    ["cuda_headers != ''", {
      "targets": [
        {
          "target_name": "torchbridge_cuda",
          "sources": ["<!@(node scripts/native-config.cjs --gyp cuda-sources)"],
          "defines": ["<!@(node scripts/native-config.cjs --gyp definitions)"],
          "cflags!": ["-fno-exceptions", "-O3"],
          "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
          "cflags_cc": ["-std=c++20", "<!@(node scripts/native-config.cjs --gyp cflags)", "<!@(node scripts/native-config.cjs --gyp cuda-headers)"],
          "ldflags": ["<!@(node scripts/native-config.cjs --gyp ldflags)"],
          "libraries": ["<!@(node scripts/native-config.cjs --gyp libraries)"],
        }
      ]
    }]
  ]
}
