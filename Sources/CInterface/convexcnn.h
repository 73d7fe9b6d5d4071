/* C interface of ConvexCNN. Arrays are row-major; images are [n, channels, height, width] doubles.
 *
 * Calls return 0, or the exit code that the tool ccnn has for the same error: 64 options, 65 data,
 * 74 files, 130 interrupted, 1 others. The message, "where: expected, found. What to do", then is in
 * `message`, cut off at `message_capacity` bytes. No call keeps a pointer it was given. Calls may come
 * from any thread.
 *
 * `options` is a JSON object with any of these keys; absent or null means the default of `ccnn train`:
 *   text     filter ("3x3", for signals "5"; default: that, or what fits), padding, pooling, activation,
 *            loss, cells (for gated default "sample:64"), gates, standardize, solver, step
 *   integer  stride, filterRank, maximumCells, threads, seed
 *   number   lambda or lambdaRatio, gap, budget, maximumSeconds
 *   boolean  bias, outputBias
 */
#ifndef CONVEXCNN_H
#define CONVEXCNN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Trains and certifies a network. Exactly one of `classes` ([n], 0 to output_count - 1) and `targets`
 * ([n, output_count]) is not NULL. `stop_flag` is 0 or a flag that another thread may raise. */
int32_t convexcnn_train(const double *images, const int64_t shape[4], int32_t is_signal,
                        const int64_t *classes, const double *targets, int64_t output_count,
                        const char *options, int64_t stop_flag, int64_t *model,
                        char *message, int64_t message_capacity);

/* Writes the outputs [n, output_count] of the network; shape[1...3] is that of the training images. */
int32_t convexcnn_model_predict(int64_t model, const double *images, const int64_t shape[4],
                                int64_t threads, double *outputs, int64_t output_count,
                                char *message, int64_t message_capacity);

/* Number of outputs, or -1 where there is no such model. */
int64_t convexcnn_model_output_count(int64_t model);

/* The JSON of `ccnn train --json` without its details. Returns the bytes of the whole text, or -1 where
 * there is no such model or no result, as for models that were read from files. */
int64_t convexcnn_model_result(int64_t model, char *text, int64_t capacity);

/* Model files are those of `ccnn`. */
int32_t convexcnn_model_write(int64_t model, const char *path, char *message,
                              int64_t message_capacity);
int32_t convexcnn_model_read(const char *path, int64_t *model, char *message,
                             int64_t message_capacity);
void convexcnn_model_free(int64_t model);

/* A flag that ends the training that looks at it, from any thread. */
int64_t convexcnn_flag_new(void);
void convexcnn_flag_raise(int64_t flag);
void convexcnn_flag_free(int64_t flag);

/* The version of the package. Returns the bytes of the whole text. */
int64_t convexcnn_version(char *text, int64_t capacity);

#ifdef __cplusplus
}
#endif

#endif
