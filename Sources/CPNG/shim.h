#pragma once
#include <stddef.h>
#include <string.h>
#include <png.h>

// libpng's simplified interface, with its macros spelled out for Swift.
static inline void cpng_prepare(png_image *image) {
  memset(image, 0, sizeof *image);
  image->version = PNG_IMAGE_VERSION;
}
static inline int cpng_is_gray(const png_image *image) {
  return (image->format & PNG_FORMAT_FLAG_COLOR) == 0;
}
static inline int cpng_has_alpha(const png_image *image) {
  return (image->format & PNG_FORMAT_FLAG_ALPHA) != 0;
}
// Asks for 8 bits a channel; samples of 16 bits are taken as sRGB, like those of 8 bits.
static inline void cpng_request(png_image *image, int gray, int alpha) {
  image->format = gray ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  if (alpha) image->format |= PNG_FORMAT_FLAG_ALPHA;
  image->flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
}
// What went wrong, as a C string inside the image.
static inline const char *cpng_message(const png_image *image) {
  return image->message;
}
