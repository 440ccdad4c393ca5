// The cases of every op: one line per op of ops.def, in alphabetical order.
#pragma once

#include "kernels/add/add_cases.h"
#include "kernels/affine_coupling/affine_coupling_cases.h"
#include "kernels/batch_norm/batch_norm_cases.h"
#include "kernels/bias_act/bias_act_cases.h"
#include "kernels/broadcast_rows/broadcast_rows_cases.h"
#include "kernels/concat/concat_cases.h"
#include "kernels/flow_norm/flow_norm_cases.h"
#include "kernels/global_avg_pool/global_avg_pool_cases.h"
#include "kernels/l2_normalize/l2_normalize_cases.h"
#include "kernels/pixel_norm/pixel_norm_cases.h"
#include "kernels/repeat_batch/repeat_batch_cases.h"
#include "kernels/resize/resize_cases.h"
#include "kernels/scale_channels/scale_channels_cases.h"
#include "kernels/select_columns/select_columns_cases.h"
#include "kernels/stack_rows/stack_rows_cases.h"
#include "kernels/subsample/subsample_cases.h"
