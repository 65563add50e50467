/* Sums, glides, peaks and levels of 16-bit samples, each in one pass: the module relay.audio.waves, which
   scripts/compile_relay.py compiles.

   numpy takes three to ten calls for the same, and in a frame of 40 ms these take longer than the samples
   (docs/performance.md). pcm.py, ambience_loop.py and blocks.py have it in numpy, for where this is not compiled; a test
   holds that every result is the same. So the order of each operation counts, and no product may be joined with a sum. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#pragma GCC optimize("O3", "fp-contract=off") /* several samples at a time */

static const int16_t *samples(PyObject *sound, Py_ssize_t *count) {
    if (!PyBytes_Check(sound)) {
        PyErr_SetString(PyExc_TypeError, "expected bytes");
        return NULL;
    }
    *count = PyBytes_GET_SIZE(sound) / 2;
    return (const int16_t *)PyBytes_AS_STRING(sound);
}

static PyObject *made(Py_ssize_t count, int16_t **samples) {
    if (count < 0) return PyErr_Format(PyExc_ValueError, "expected a count");
    PyObject *sound = PyBytes_FromStringAndSize(NULL, 2 * count);
    if (sound) *samples = (int16_t *)PyBytes_AS_STRING(sound);
    return sound;
}

static PyObject *mixed(PyObject *module, PyObject *const *given, Py_ssize_t size) {
    (void)module;
    Py_ssize_t count, others;
    const int16_t *one, *other;
    int16_t *sums;
    if (size != 2) return PyErr_Format(PyExc_TypeError, "expected 2 arguments");
    if (!(one = samples(given[0], &count)) || !(other = samples(given[1], &others))) return NULL;
    if (count != others) return PyErr_Format(PyExc_ValueError, "expected two sounds of equal length");
    PyObject *both = made(count, &sums);
    if (!both) return NULL;
    for (Py_ssize_t at = 0; at < count; at++) {
        int sum = one[at] + other[at];
        sums[at] = (int16_t)(sum > INT16_MAX ? INT16_MAX : sum < INT16_MIN ? INT16_MIN : sum);
    }
    return both;
}

static PyObject *peak(PyObject *module, PyObject *sound) {
    (void)module;
    Py_ssize_t count;
    const int16_t *all = samples(sound, &count);
    if (!all) return NULL;
    int16_t low = 0, high = 0;
    for (Py_ssize_t at = 0; at < count; at++) {
        low = all[at] < low ? all[at] : low;
        high = all[at] > high ? all[at] : high;
    }
    return PyLong_FromLong(-(long)low > high ? -(long)low : high);
}

static unsigned char in_a_byte(int count) { return (unsigned char)(count < 255 ? count : 255); }

static PyObject *measured(PyObject *module, PyObject *const *given, Py_ssize_t size) {
    (void)module;
    if (size != 3) return PyErr_Format(PyExc_TypeError, "expected 3 arguments");
    Py_ssize_t count, block = PyLong_AsSsize_t(given[1]);
    const int16_t *sound = samples(given[0], &count);
    const int negative = PyObject_IsTrue(given[2]);
    if (!sound || negative < 0 || PyErr_Occurred()) return NULL;
    if (block <= 0 || count % block) return PyErr_Format(PyExc_ValueError, "expected whole blocks");
    PyObject *records = PyBytes_FromStringAndSize(NULL, 4 * (count / block));
    if (!records) return NULL;
    unsigned char *record = (unsigned char *)PyBytes_AS_STRING(records);
    int before = negative ? -1 : 0;
    for (; count; count -= block, sound += block, record += 4) {
        int64_t power = 0;
        int changes = (sound[0] ^ before) < 0, full = 0;
        for (Py_ssize_t at = 0; at < block; at++) power += (int32_t)sound[at] * sound[at];
        for (Py_ssize_t at = 1; at < block; at++) changes += (sound[at] ^ sound[at - 1]) < 0;
        for (Py_ssize_t at = 0; at < block; at++) full += sound[at] == INT16_MAX || sound[at] <= -INT16_MAX;
        const float rounded = (float)power;
        uint32_t bits;
        memcpy(&bits, &rounded, sizeof bits);
        record[0] = (unsigned char)(bits >> 16), record[1] = (unsigned char)(bits >> 24);
        record[2] = in_a_byte(changes), record[3] = in_a_byte(full);
        before = sound[block - 1];
    }
    return records;
}

/* The one of `count` levels that `place` others do not reach: its upper byte first, then its lower one. */
static int ranked(const unsigned char *levels, Py_ssize_t count, Py_ssize_t place) {
    int byte[2] = {0, 0};
    for (int half = 1; half >= 0; half--) {
        int32_t found[256] = {0};
        for (Py_ssize_t at = 0; at < count; at++) found[levels[2 * at + half]] += half || levels[2 * at + 1] == byte[1];
        while (place >= found[byte[half]]) place -= found[byte[half]++];
    }
    return byte[1] << 8 | byte[0];
}

static PyObject *summary(PyObject *module, PyObject *const *given, Py_ssize_t size) {
    (void)module;
    if (size != 4 || !PyBytes_Check(given[0]) || !PyBytes_Check(given[1]))
        return PyErr_Format(PyExc_TypeError, "expected two bytes objects and two numbers");
    const unsigned char *record = (const unsigned char *)PyBytes_AS_STRING(given[0]);
    const char *before = PyBytes_AS_STRING(given[1]);
    Py_ssize_t count = PyBytes_GET_SIZE(given[0]) / 4, old = PyBytes_GET_SIZE(given[1]) / 2;
    const Py_ssize_t most = PyLong_AsSsize_t(given[2]), share = PyLong_AsSsize_t(given[3]);
    if (PyErr_Occurred()) return NULL;
    if (count < 1 || count > most || old > most || most > INT32_MAX || share < 2)
        return PyErr_Format(PyExc_ValueError, "expected fewer blocks than are kept");
    const Py_ssize_t kept = old + count < most ? old : most - count;
    PyObject *levels = PyBytes_FromStringAndSize(NULL, 2 * (kept + count));
    if (!levels) return NULL;
    unsigned char *level = (unsigned char *)PyBytes_AS_STRING(levels);
    memcpy(level, before + 2 * (old - kept), (size_t)(2 * kept));
    int highest = 0, full = 0;
    for (Py_ssize_t at = 0; at < count; at++, record += 4) {
        const int now = record[1] << 8 | record[0];
        highest = now > highest ? now : highest;
        full += record[3];
        level[2 * (kept + at)] = record[0], level[2 * (kept + at) + 1] = record[1];
    }
    return Py_BuildValue("(Niii)", levels, ranked(level, kept + count, (kept + count) / share), highest, full);
}

/* A loop, the place in it, a count of samples, and `numbers`. False: an error. */
static int part_of_loop(PyObject *const *given, Py_ssize_t size, const int16_t **loop, Py_ssize_t *length,
                        Py_ssize_t *place, Py_ssize_t *count, double *numbers, int many) {
    if (size != 3 + many) {
        PyErr_Format(PyExc_TypeError, "expected %d arguments", 3 + many);
        return 0;
    }
    if (!(*loop = samples(given[0], length))) return 0;
    *place = PyLong_AsSsize_t(given[1]);
    *count = PyLong_AsSsize_t(given[2]);
    for (int number = 0; number < many; number++) numbers[number] = PyFloat_AsDouble(given[3 + number]);
    if (PyErr_Occurred()) return 0;
    if (*place >= 0 && *place < *length) return 1;
    PyErr_SetString(PyExc_ValueError, "expected a place in the loop");
    return 0;
}

static PyObject *scaled(PyObject *module, PyObject *const *given, Py_ssize_t size) {
    (void)module;
    const int16_t *loop;
    Py_ssize_t length, place, count;
    double gain;
    int16_t *quieter;
    if (!part_of_loop(given, size, &loop, &length, &place, &count, &gain, 1)) return NULL;
    PyObject *sound = made(count, &quieter);
    if (!sound) return NULL;
    const float factor = (float)gain;
    while (count) {
        Py_ssize_t most = length - place < count ? length - place : count;
        for (Py_ssize_t at = 0; at < most; at++) quieter[at] = (int16_t)((float)loop[place + at] * factor);
        quieter += most, count -= most, place = 0;
    }
    return sound;
}

static PyObject *glided(PyObject *module, PyObject *const *given, Py_ssize_t size) {
    (void)module;
    const int16_t *loop;
    Py_ssize_t length, place, count;
    double numbers[4];
    int16_t *quieter;
    if (!part_of_loop(given, size, &loop, &length, &place, &count, numbers, 4)) return NULL;
    PyObject *sound = made(count, &quieter);
    if (!sound) return NULL;
    const float factor = (float)numbers[0], start = (float)numbers[1], target = (float)numbers[2];
    const float step = (float)numbers[3], left = (float)fabs(numbers[2] - numbers[1]);
    const float sign = numbers[2] > numbers[1] ? 1.0f : -1.0f;
    const int arrives = (float)count * step >= left;
    float gain = start;
    int32_t done = 0;
    while (done < count) {
        int32_t most = (int32_t)(length - place < count - done ? length - place : count - done);
        for (int32_t at = 0; at < most; at++) {
            float way = (float)(done + at + 1) * step;
            gain = arrives && way >= left ? target : start + sign * way;
            quieter[done + at] = (int16_t)((float)loop[place + at] * (gain * factor));
        }
        done += most, place = 0;
    }
    return Py_BuildValue("(Nd)", sound, (double)gain);
}

static PyMethodDef methods[] = {
    {"mixed", (PyCFunction)(void (*)(void))mixed, METH_FASTCALL, "See pcm.mixed."},
    {"measured", (PyCFunction)(void (*)(void))measured, METH_FASTCALL, "See blocks.py."},
    {"peak", peak, METH_O, "See pcm.peak."},
    {"summary", (PyCFunction)(void (*)(void))summary, METH_FASTCALL, "See blocks.py."},
    {"scaled", (PyCFunction)(void (*)(void))scaled, METH_FASTCALL, "See ambience_loop.scaled."},
    {"glided", (PyCFunction)(void (*)(void))glided, METH_FASTCALL, "See ambience_loop.glided."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "waves", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_waves(void) { return PyModule_Create(&definition); }
