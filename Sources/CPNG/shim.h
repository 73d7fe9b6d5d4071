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
static inline void cpng_request(png_image *image, int gray) {
  image->format = gray ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
}
