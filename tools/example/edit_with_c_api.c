/* Edits one attribute of the largest face of a photo through the C API: the photo comes back whole.
 *   edit_with_c_api MODEL IN OUT ATTRIBUTE VALUE
 * MODEL "-" is the built-in model. IN is a PNG or JPEG file; OUT becomes one of the same kind. */
#include <mien.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The whole file, to be freed; NULL where it cannot be read. */
static void* read_file(const char* path, size_t* bytes) {
  FILE* const file = fopen(path, "rb");
  char* content = NULL;
  long length = 0;
  if (file == NULL) return NULL;
  if (fseek(file, 0, SEEK_END) == 0 && (length = ftell(file)) > 0 && fseek(file, 0, SEEK_SET) == 0)
    content = malloc((size_t)length);
  *bytes = (size_t)length;
  if (content != NULL && fread(content, 1, *bytes, file) != *bytes) {
    free(content);
    content = NULL;
  }
  fclose(file);
  return content;
}

static int write_file(const char* path, const void* content, size_t bytes) {
  FILE* const file = fopen(path, "wb");
  if (file == NULL) return 0;
  const int written = fwrite(content, 1, bytes, file) == bytes;
  return fclose(file) == 0 && written;
}

static void print_line(void* user, const char* line) {
  (void)user;
  fprintf(stderr, "%s\n", line);
}

/* 0 where the edited photo was written. */
static int edit(mien_context* context, const char* in, const char* out, const mien_edit* change) {
  static const char* const verdicts[] = {"the same person", "another person", "cannot tell who it is"};
  size_t bytes = 0;
  void* const photo = read_file(in, &bytes);
  if (photo == NULL) {
    fprintf(stderr, "%s: cannot be read\n", in);
    return 1;
  }
  mien_photo_options options;
  mien_photo_options_init(&options);
  const mien_edits edits = {change, 1};
  mien_result result;
  const mien_code code = mien_edit_photo(context, photo, bytes, &options, &edits, 1, &result);
  free(photo);
  if (code != MIEN_OK) {
    fprintf(stderr, "%s: %s\n", in, mien_last_error(context));
    return 1;
  }
  printf("%d x %d pixels: %s (%.3f)\n", result.width, result.height, verdicts[result.verdict], result.photo_edit);
  const int written = write_file(out, result.file, result.bytes);
  mien_free_results(&result, 1);
  if (!written) fprintf(stderr, "%s: cannot be written\n", out);
  return written ? 0 : 1;
}

int main(int count, char** words) {
  if (count != 6) {
    fprintf(stderr, "usage: %s MODEL IN OUT ATTRIBUTE VALUE\n", words[0]);
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
  const mien_edit change = {words[4], MIEN_SET, MIEN_NORMALISED, strtof(words[5], NULL)};
  const int failed = edit(context, words[2], words[3], &change);
  mien_destroy(context);
  return failed;
}
