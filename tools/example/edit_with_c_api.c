/* Edits one attribute of a face through the C API. Pictures are binary PPM (P6), so that no other library is
 * needed: edit_with_c_api MODEL IN.ppm OUT.ppm ATTRIBUTE VALUE MODEL "-" is the built-in model; IN "-" is a
 * made-up face. */
#include <mien.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char* read_ppm(const char* path, int* width, int* height) {
  FILE* file = fopen(path, "rb");
  unsigned char* rgb = NULL;
  if (file == NULL) return NULL;
  if (fscanf(file, "P6 %5d %5d 255", width, height) == 2 && fgetc(file) != EOF && *width > 0 && *height > 0) {
    const size_t bytes = (size_t)*width * (size_t)*height * 3;
    rgb = malloc(bytes);
    if (rgb != NULL && fread(rgb, 1, bytes, file) != bytes) {
      free(rgb);
      rgb = NULL;
    }
  }
  fclose(file);
  return rgb;
}

static int write_ppm(const char* path, const unsigned char* rgb, int side) {
  FILE* file = fopen(path, "wb");
  if (file == NULL) return 0;
  fprintf(file, "P6\n%d %d\n255\n", side, side);
  const size_t bytes = (size_t)side * (size_t)side * 3;
  const int written = fwrite(rgb, 1, bytes, file) == bytes;
  return fclose(file) == 0 && written;
}

static mien_code load_codes(mien_context* context, const char* path, float* codes) {
  int width = 0, height = 0;
  if (strcmp(path, "-") == 0) return mien_from_seed(context, 1, codes);
  unsigned char* photo = read_ppm(path, &width, &height);
  if (photo == NULL) {
    fprintf(stderr, "%s: not a readable binary PPM\n", path);
    return MIEN_FAILURE;
  }
  const mien_code code = mien_encode(context, photo, width, height, codes);
  free(photo);
  return code;
}

static void print_line(void* user, const char* line) {
  (void)user;
  fprintf(stderr, "%s\n", line);
}

int main(int count, char** words) {
  if (count != 6) {
    fprintf(stderr, "usage: %s MODEL IN.ppm OUT.ppm ATTRIBUTE VALUE\n", words[0]);
    return 2;
  }
  mien_params params;
  mien_params_init(&params);
  params.model_path = strcmp(words[1], "-") == 0 ? NULL : words[1];
  params.log = print_line;
  mien_context* context = NULL;
  if (mien_create(&params, &context) != MIEN_OK) {
    fprintf(stderr, "%s\n", mien_last_error(NULL));
    return 1;
  }
  const int side = mien_image_side(context);
  float* codes = malloc(sizeof(float) * (size_t)mien_rows(context) * (size_t)mien_w_dim(context));
  unsigned char* picture = malloc((size_t)side * (size_t)side * 3);
  const mien_edit edit = {words[4], MIEN_SET, MIEN_NORMALISED, strtof(words[5], NULL)};
  int done = 0;
  if (codes != NULL && picture != NULL && load_codes(context, words[2], codes) == MIEN_OK &&
      mien_apply_edits(context, &edit, 1, NULL, 0.0f, codes, codes) == MIEN_OK &&
      mien_synthesize(context, codes, picture) == MIEN_OK) {
    done = write_ppm(words[3], picture, side);
  }
  if (!done) fprintf(stderr, "failed: %s\n", mien_last_error(context));
  free(picture);
  free(codes);
  mien_destroy(context);
  return done ? 0 : 1;
}
