/* mien from C: load a model, turn a picture into latent codes, edit attributes, make a picture.
 *
 * One context is used by one thread at a time; several contexts may live side by side. Every function that
 * can fail answers a mien_code, and mien_last_error has the text. Nothing throws, exits or prints. Pictures
 * are 8-bit RGB, rows from top to bottom without padding; latent codes (w_plus) are mien_rows() x
 * mien_w_dim() floats.
 */
#ifndef MIEN_H
#define MIEN_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define MIEN_API __attribute__((visibility("default")))
#else
#define MIEN_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Changes when a caller has to be compiled again. */
#define MIEN_ABI_VERSION 2
MIEN_API uint32_t mien_abi_version(void);

typedef enum mien_code {
  MIEN_OK = 0,
  MIEN_FAILURE = 1,    /* input, output or anything not named below */
  MIEN_NUMERIC = 2,    /* a number that is not finite reached an output */
  MIEN_USAGE = 3,      /* an argument is wrong or out of range */
  MIEN_NO_FACE = 4,    /* no face found */
  MIEN_REFUSED = 5,    /* the model file is invalid */
  MIEN_DEVICE = 6,     /* backend missing or failing */
  MIEN_MEMORY = 7,     /* not enough memory or threads, or more than max_memory */
  MIEN_GATE = 8,       /* a quality gate was not met */
  MIEN_INTERRUPTED = 9 /* mien_cancel, or the progress callback said stop */
} mien_code;

typedef struct mien_context mien_context;

/* One line of information, without newline. */
typedef void (*mien_log_callback)(void* user, const char* line);
/* Called before each stage ("load", "encode", "map", "edit", "synthesize"); anything but 0 stops with
 * MIEN_INTERRUPTED. */
typedef int (*mien_progress_callback)(void* user, const char* stage);

typedef struct mien_params {
  uint32_t abi_version;   /* set by mien_params_init */
  const char* model_path; /* NULL: the built-in model */
  const char* backend;    /* "auto", "cpu", "cuda", "cuda:N" */
  int threads;            /* 0: all processors this process may use */
  uint64_t max_memory;    /* bytes of weights and activations; 0: no limit */
  float psi;              /* truncation of mien_from_seed */
  const char* memory;     /* "auto", "layers", "bands": what the CPU saves, see runtime/README.md */
  int resolution;         /* pictures of this side, a power of two below the model's, sooner; 0: the model's */
  int interactive;        /* not 0: mien_synthesize keeps what it computed (more memory) and computes only what depends
                             on rows of w_plus that differ from those of the call before; the same pictures */
  mien_log_callback log;
  void* log_user;
  mien_progress_callback progress;
  void* progress_user;
} mien_params;

/* The defaults; call it before setting anything. */
MIEN_API void mien_params_init(mien_params* params);

/* On failure *out is NULL and mien_last_error(NULL) has the text. After success only mien_destroy gives
 * memory back; the others take memory for pictures only. */
MIEN_API mien_code mien_create(const mien_params* params, mien_context** out);
MIEN_API void mien_destroy(mien_context* context); /* NULL is allowed */

/* The text of the context's last failure, valid until its next call; of this thread's last mien_create for
 * NULL. */
MIEN_API const char* mien_last_error(const mien_context* context);

MIEN_API int mien_rows(const mien_context* context);  /* rows of w_plus */
MIEN_API int mien_w_dim(const mien_context* context); /* numbers per row */
MIEN_API int mien_image_side(
    const mien_context* context); /* pixels of a synthesized picture, in both directions */
MIEN_API int mien_attribute_count(const mien_context* context);
MIEN_API const char* mien_attribute_name(const mien_context* context,
                                         int index); /* NULL: no such attribute */

typedef enum mien_mode { MIEN_SET = 0, MIEN_ADD = 1 } mien_mode;
typedef enum mien_unit {
  MIEN_NORMALISED = 0, /* -1 and +1 are the ends of the range seen in training */
  MIEN_NATURAL = 1     /* degrees (yaw, pitch, roll), years (age) */
} mien_unit;

typedef struct mien_edit {
  const char* attribute;
  mien_mode mode;
  mien_unit unit;
  float value;
} mien_edit;

/* rgb: height rows of width pixels of 3 bytes, upright. The library reads no picture files: whoever decodes one turns
   and mirrors it as its EXIF orientation says. The largest centred square is taken as an aligned face. */
MIEN_API mien_code mien_encode(mien_context* context, const uint8_t* rgb, int width, int height,
                               float* w_plus);
/* A made-up face: NumPy's RandomState(seed) through the mapping network. */
MIEN_API mien_code mien_from_seed(mien_context* context, uint32_t seed, float* w_plus);
/* layers: rows that may change, "4-7" or "0-2,8"; NULL: all. keep_identity: 0 the whole edit, 1 none of it.
 * w_plus and edited may be the same memory. */
MIEN_API mien_code mien_apply_edits(mien_context* context, const mien_edit* edits, size_t count,
                                    const char* layers, float keep_identity, const float* w_plus,
                                    float* edited);
/* rgb: side x side x 3 bytes. */
MIEN_API mien_code mien_synthesize(mien_context* context, const float* w_plus, uint8_t* rgb);

/* Stops the call that is running, from any thread. */
MIEN_API void mien_cancel(mien_context* context);

#ifdef __cplusplus
}
#endif

#endif
