/* mien from C: edit the faces of a photo, in memory; or step by step: find faces, turn a picture into latent codes,
 * edit attributes, make a picture.
 *
 * One context is used by one thread at a time; several contexts may live side by side. Every function that
 * can fail answers a mien_code, and mien_last_error has the text. Nothing throws, exits or prints. Pictures
 * are 8-bit RGB, rows from top to bottom; latent codes (w_plus) are mien_rows() x mien_w_dim() floats. Texts and arrays
 * that are given are read during the call alone.
 *
 * What an edited picture means, and what consent it needs: docs/use.md.
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

/* Changes when a caller has to be compiled again, or means something else by the same call. From 3 to 4: keep_identity,
 * 0 the whole edit and 1 none of it, became strength, which is one minus that; so a call from then, whose 0 meant the
 * whole edit, is refused instead of doing nothing. */
#define MIEN_ABI_VERSION 4
MIEN_API uint32_t mien_abi_version(void);

typedef enum mien_code {
  MIEN_OK = 0,
  MIEN_FAILURE = 1,    /* input, output or anything not named below */
  MIEN_NUMERIC = 2,    /* a number that is not finite reached an output */
  MIEN_USAGE = 3,      /* an argument is wrong or out of range */
  MIEN_NO_FACE = 4,    /* no face found, or none where one was chosen */
  MIEN_REFUSED = 5,    /* the model file is invalid */
  MIEN_DEVICE = 6,     /* backend missing or failing */
  MIEN_MEMORY = 7,     /* not enough memory or threads, or more than max_memory */
  MIEN_GATE = 8,       /* a quality gate was not met */
  MIEN_INTERRUPTED = 9 /* mien_cancel, or the progress callback said stop */
} mien_code;

typedef struct mien_context mien_context;

/* One line of information, without newline. */
typedef void (*mien_log_callback)(void* user, const char* line);
/* Called before each stage ("load", "encode", "map", "edit", "synthesize"; of photos also "read", "faces" (the face
 * networks are loaded), "find", "align", "compare", "paste", "write"); anything but 0 stops with MIEN_INTERRUPTED. */
typedef int (*mien_progress_callback)(void* user, const char* stage);

typedef struct mien_params {
  uint32_t abi_version;   /* set by mien_params_init */
  const char* model_path; /* NULL: the built-in model */
  const char* backend;    /* "auto", "cpu", "cuda", "cuda:N" */
  int threads;            /* 0: all processors this process may use */
  uint64_t max_memory;    /* bytes of weights and activations, face networks included; 0: no limit */
  float psi;              /* truncation of mien_from_seed */
  const char* memory;     /* "auto", "layers", "bands": what the CPU saves, see runtime/README.md */
  int resolution;         /* pictures of this side, a power of two below the model's, sooner; 0: the model's */
  int interactive;        /* not 0: mien_synthesize keeps what it computed (more memory) and computes only what depends
                             on rows of w_plus that differ from those of the call before; the same pictures */
  const char* detector;   /* of faces: "auto", "tiny" (fast), "ssd" (stronger) */
  mien_log_callback log;
  void* log_user;
  mien_progress_callback progress;
  void* progress_user;
} mien_params;

/* The defaults; call it before setting anything. */
MIEN_API void mien_params_init(mien_params* params);

/* On failure *out is NULL and mien_last_error(NULL) has the text. After success only mien_destroy gives
 * memory back; the others take memory for pictures only, but for the face networks, which the first call that needs
 * them loads. */
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

/* rgb: height rows of width pixels of 3 bytes, upright, without padding. The largest centred square is taken as an
 * aligned face. */
MIEN_API mien_code mien_encode(mien_context* context, const uint8_t* rgb, int width, int height,
                               float* w_plus);
/* A made-up face: NumPy's RandomState(seed) through the mapping network. */
MIEN_API mien_code mien_from_seed(mien_context* context, uint32_t seed, float* w_plus);
/* layers: rows that may change, "4-7" or "0-2,8"; NULL: all. strength: 1 the whole edit, less a part of it, above 0.
 * w_plus and edited may be the same memory. */
MIEN_API mien_code mien_apply_edits(mien_context* context, const mien_edit* edits, size_t count, const char* layers,
                                    float strength, const float* w_plus, float* edited);
/* rgb: side x side x 3 bytes. They carry no mark of synthetic media: whoever stores them writes one, such as the IPTC
 * digital source type trainedAlgorithmicMedia. */
MIEN_API mien_code mien_synthesize(mien_context* context, const float* w_plus, uint8_t* rgb);

/* Photos. A picture in memory: height rows of width pixels of 3 bytes, upright; from the beginning of a row to that of
 * the next `stride` bytes, 3 width at the least; 0: 3 width. Sides of 32768, 256 million pixels at the most. */
typedef struct mien_image {
  const uint8_t* rgb;
  int width, height;
  size_t stride;
} mien_image;

typedef struct mien_canvas {
  uint8_t* rgb;
  int width, height;
  size_t stride;
} mien_canvas;

/* Box and landmarks in pixels of the photo, x to the right, y down. Landmarks are the 68 points of iBUG 300-W. */
typedef struct mien_face {
  double x, y, width, height; /* may reach beyond the photo; width 0: the landmarks were given, not found */
  double score;               /* 0..1 */
  double landmarks[68][2];
} mien_face;

/* The faces, best first, into `faces`, which has room for `capacity`; *count says how many there are, which may be
 * more. None is no failure. */
MIEN_API mien_code mien_find_faces(mien_context* context, const mien_image* photo, mien_face* faces, size_t capacity,
                                   size_t* count);
/* The aligned square around a face, as `mien align` cuts it out, for mien_encode. rgb: side x side x 3 bytes, side 16
 * to 4096. Only the landmarks and whether there is a box are read. */
MIEN_API mien_code mien_align(mien_context* context, const mien_image* photo, const mien_face* face, int side,
                              uint8_t* rgb);

typedef enum mien_verdict { MIEN_SAME_PERSON = 0, MIEN_ANOTHER_PERSON = 1, MIEN_CANNOT_TELL = 2 } mien_verdict;

/* How alike two faces are to the face recogniser: the L2 distance of its descriptors. A face of NULL: the picture is an
 * aligned square. drawn: not 0: the people are drawn, not photographed. */
MIEN_API mien_code mien_compare(mien_context* context, const mien_image* a, const mien_face* face_a,
                                const mien_image* b, const mien_face* face_b, int drawn, double* distance,
                                mien_verdict* verdict);

typedef struct mien_photo_options {
  const char* face;  /* "largest", "all", a number in the order of mien_find_faces from 1 on, or a point "X,Y" in one */
  const char* paste; /* how an edit comes into the photo: "replace", "difference", "auto": by what is edited */
  const char* layers;  /* as of mien_apply_edits */
  float strength;      /* as of mien_apply_edits; 1 unless it is set */
  int aligned;         /* not 0: nothing is searched, the largest centred square is an aligned face */
  int crop;            /* not 0: the edited face alone, mien_image_side pixels a side; of one face */
  int no_likeness;     /* not 0: it is not measured whether it is still the same person */
  const char* format;  /* of mien_edit_photo: "png", "jpeg"; NULL: that of the photo */
  int quality;         /* of JPEG, 1 to 100 */
  int no_metadata;     /* not 0: nothing about what made the picture is written into its file */
  int drop_gps;        /* not 0: where the photo was taken is not written into the picture's file */
} mien_photo_options;
/* The defaults; call it before setting anything. */
MIEN_API void mien_photo_options_init(mien_photo_options* options);

/* What is done for one picture; none: the reconstruction. */
typedef struct mien_edits {
  const mien_edit* edits;
  size_t count;
} mien_edits;

typedef struct mien_result {
  uint8_t* file; /* of mien_edit_photo: the picture's file; otherwise NULL */
  size_t bytes;
  int width, height; /* pixels of the picture */
  int faces;         /* that were edited */
  /* Distances as of mien_compare, of several faces those of the one that moved farthest from the photo; -1 where they
   * were not measured. The verdict is that of photo and edit. */
  double photo_reconstruction, photo_edit, reconstruction_edit;
  mien_verdict verdict;
  char* parameters;                /* how it was made: a JSON object, which the file has as well */
  const char* digital_source_type; /* the IPTC mark of synthetic media, a URI */
} mien_result;

/* Edits a photo whole. `file`: PNG or JPEG. Each of the `count` edits gives one picture, results[0] to
 * results[count - 1]: the bytes that `mien edit` gives for it, alone or with others. What does not depend on the edit
 * is computed once. On success mien_free_results gives their memory back; on failure nothing is there. */
MIEN_API mien_code mien_edit_photo(mien_context* context, const void* file, size_t bytes,
                                   const mien_photo_options* options, const mien_edits* edits, size_t count,
                                   mien_result* results);
/* The same of pixels: picture i goes to pictures[i], whose memory is written, of the photo's size or, with crop,
 * mien_image_side a side. The photo's own memory is allowed. On failure some of them may be written. */
MIEN_API mien_code mien_edit_pixels(mien_context* context, const mien_image* photo, const mien_photo_options* options,
                                    const mien_edits* edits, size_t count, const mien_canvas* pictures,
                                    mien_result* results);
/* Of results that a call has filled, or that are all zeros. */
MIEN_API void mien_free_results(mien_result* results, size_t count);

/* Stops the call that is running, from any thread. */
MIEN_API void mien_cancel(mien_context* context);

#ifdef __cplusplus
}
#endif

#endif
