/* Python's own memory on huge pages: the module relay.arenas, which scripts/compile_relay.py compiles.

   Python asks the kernel for the memory of its objects in arenas of 1 MiB, on pages of 4 KB. What 200 calls touch in a turn
   is on thousands of pages, more than the processor remembers the places of (docs/performance.md). Here arenas are side by
   side in one range of addresses, for which the kernel is asked for pages of 2 MiB. Where it has none to give, they are
   usual pages. All functions are called while Python's lock is held. */
#include <Python.h>
#include <stdint.h>
#include <sys/mman.h>

#define ARENA ((size_t)1 << 20)
#define HUGE_PAGE ((size_t)2 << 20)
#define MOST 8192 /* arenas in our range, 8 GiB; what is above comes as usual */

static PyObjectArenaAllocator usual;
static char *range; /* begins at a huge page */
static unsigned begun; /* arenas of the range that were ever used */
static uint16_t unused[MOST]; /* those that were given back, the latest last */
static unsigned count_unused;

static void *take(void *context, size_t size) {
    (void)context;
    if (size != ARENA) return usual.alloc(usual.ctx, size);
    if (count_unused) return range + unused[--count_unused] * ARENA;
    if (begun == MOST) return usual.alloc(usual.ctx, size);
    char *arena = range + begun * ARENA;
    /* a whole page at once: the kernel gives huge ones where all of it may be used */
    if (begun % 2 == 0 && mprotect(arena, HUGE_PAGE, PROT_READ | PROT_WRITE)) return NULL;
    begun++;
    return arena;
}

static void give_back(void *context, void *arena, size_t size) {
    (void)context;
    if ((char *)arena < range || (char *)arena >= range + begun * ARENA) {
        usual.free(usual.ctx, arena, size);
        return;
    }
    madvise(arena, ARENA, MADV_DONTNEED); /* the memory is the kernel's again, the address stays ours */
    unused[count_unused++] = (uint16_t)(((char *)arena - range) / ARENA);
}

static PyObject *use_huge_pages(PyObject *module, PyObject *nothing) {
    (void)module, (void)nothing;
    if (range) Py_RETURN_TRUE;
    size_t size = MOST * ARENA + HUGE_PAGE;
    char *found = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found == MAP_FAILED) Py_RETURN_FALSE;
    range = (char *)(((uintptr_t)found + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
    if (madvise(range, MOST * ARENA, MADV_HUGEPAGE)) {
        munmap(found, size);
        range = NULL;
        Py_RETURN_FALSE;
    }
    PyObject_GetArenaAllocator(&usual);
    PyObjectArenaAllocator ours = {NULL, take, give_back};
    PyObject_SetArenaAllocator(&ours);
    Py_RETURN_TRUE;
}

static PyMethodDef methods[] = {
    {"use_huge_pages", use_huge_pages, METH_NOARGS, "Ask for huge pages from now on. False: this kernel knows none."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "arenas", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_arenas(void) { return PyModule_Create(&definition); }
