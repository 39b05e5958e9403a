/**
 * The CUDA build of libtorch as its publisher and NVIDIA hand it out: PyTorch's wheel for Linux, the libraries that its metadata name in the
 * releases that it names, and the packages of headers that the CUDA module is compiled with (nvidia-cuda-runtime, nvidia-cuda-crt, and for NCCL's
 * part nvidia-cuda-cccl).
 */
export const CUDA_WHEELS = [
  {
    requirement: 'torch==2.14.1',
    file: 'torch-2.14.1-cp311-cp311-manylinux_2_28_x86_64.whl',
    sha256: '305a61f61f35f128579f299c5bd33d475f6a01c6307336139632e30856c4854d',
    bytes: 554_581_699,
  },
  {
    requirement: 'nvidia-cublas==13.1.1.3',
    file: 'nvidia_cublas-13.1.1.3-py3-none-manylinux_2_27_x86_64.whl',
    sha256: '37936a16db8fe4ac1f065c2139360608a543a09275cb1a1af612e08cfa065436',
    bytes: 423_138_758,
  },
  {
    requirement: 'nvidia-cuda-cccl==13.0.85',
    file: 'nvidia_cuda_cccl-13.0.85-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    sha256: 'e0da7ad981f3a8aff08241b5bfc1af868742a63e2762f53a5171c492ef242649',
    bytes: 3_120_526,
  },
  {
    requirement: 'nvidia-cuda-crt==13.0.88',
    file: 'nvidia_cuda_crt-13.0.88-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    sha256: '2c8043c7c9e02492716426e9919fc78d2c5b3b2a7a768a88e952676b08aa55a4',
    bytes: 134_086,
  },
  {
    requirement: 'nvidia-cuda-cupti==13.0.85',
    file: 'nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl',
    sha256: '4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8',
    bytes: 10_715_597,
  },
  {
    requirement: 'nvidia-cuda-nvrtc==13.0.88',
    file: 'nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
    sha256: 'ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575',
    bytes: 90_215_200,
  },
  {
    requirement: 'nvidia-cuda-runtime==13.0.96',
    file: 'nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    sha256: '7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548',
    bytes: 2_243_632,
  },
  {
    requirement: 'nvidia-cudnn-cu13==9.24.0.43',
    file: 'nvidia_cudnn_cu13-9.24.0.43-py3-none-manylinux_2_27_x86_64.whl',
    sha256: '71f181cd810e90f9b6023b01186fe82d13d65f0ec098581ee201d39fad769e4b',
    bytes: 553_099_438,
  },
  {
    requirement: 'nvidia-cufft==12.0.0.61',
    file: 'nvidia_cufft-12.0.0.61-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    sha256: '6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3',
    bytes: 214_085_489,
  },
  {
    requirement: 'nvidia-cufile==1.15.1.6',
    file: 'nvidia_cufile-1.15.1.6-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    sha256: '08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44',
    bytes: 1_223_672,
  },
  {
    requirement: 'nvidia-curand==10.4.0.35',
    file: 'nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl',
    sha256: '1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc',
    bytes: 59_544_258,
  },
  {
    requirement: 'nvidia-cusolver==12.0.4.66',
    file: 'nvidia_cusolver-12.0.4.66-py3-none-manylinux_2_27_x86_64.whl',
    sha256: '0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112',
    bytes: 200_941_980,
  },
  {
    requirement: 'nvidia-cusparse==12.6.3.3',
    file: 'nvidia_cusparse-12.6.3.3-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    sha256: '2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b',
    bytes: 145_942_937,
  },
  {
    requirement: 'nvidia-cusparselt-cu13==0.8.1',
    file: 'nvidia_cusparselt_cu13-0.8.1-py3-none-manylinux2014_x86_64.whl',
    sha256: '786ce87568c303fadb5afcc7102d454cd3040d75f6f8626f5db460d1871f4dd0',
    bytes: 170_148_586,
  },
  {
    requirement: 'nvidia-nccl-cu13==2.30.7',
    file: 'nvidia_nccl_cu13-2.30.7-py3-none-manylinux_2_18_x86_64.whl',
    sha256: 'cefa7fdb9710efd0f39c5f1be1d61ff6fc9a996c451265bd7fbdcf9455ed4b50',
    bytes: 215_965_170,
  },
  {
    requirement: 'nvidia-nvjitlink==13.4.92',
    file: 'nvidia_nvjitlink-13.4.92-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
    sha256: 'e0391f24ed94ec879b84e3da4d4ec320c879aff681f2c7a638462f7199284323',
    bytes: 42_452_378,
  },
  {
    requirement: 'nvidia-nvshmem-cu13==3.4.5',
    file: 'nvidia_nvshmem_cu13-3.4.5-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    sha256: '290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80',
    bytes: 60_412_546,
  },
  {
    requirement: 'nvidia-nvtx==13.0.85',
    file: 'nvidia_nvtx-13.0.85-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl',
    sha256: '4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4',
    bytes: 148_047,
  },
];
