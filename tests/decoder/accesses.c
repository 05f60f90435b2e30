/* SPDX-License-Identifier: MIT */
/*
 * Not to be run: what compilers make of accesses to device memory. compare compiles this file by
 * each compiler, for each mode, and looks at the instructions. No headers, so that -m16 and -m32
 * need no libraries. A line for each function.
 */

// clang-format off
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

void use(u64 value);
void use_two(u32 one, u32 two);

/* One function a line; each touches `at` in one way. */
#define BOTH_SIGNS(type, wide)                                                                     \
    wide load_##type##_##wide(volatile type *at) { return *at; }                                   \
    wide index_##type##_##wide(volatile type *at, int i) { return at[i] + at[3] + at[-70000]; }    \
    void copy_##type##_##wide(volatile type *at, wide *to) { *to = *at; }

#define PLAIN(type)                                                                                \
    void store_##type(volatile type *at, type v) { *at = v; }                                      \
    void zero_##type(volatile type *at) { *at = 0; }                                               \
    void ones_##type(volatile type *at) { at[1] = (type)-1; }                                      \
    void constant_##type(volatile type *at) { at[0x1000] = (type)0x12345678; }                     \
    void fixed_##type(type v) { *(volatile type *)0xfee000b0u = v; }                               \
    type fixed_load_##type(void) { return *(volatile type *)0xfee000b0u; }                         \
    void fill_##type(volatile type *at, type v, int n) { for (int i = 0; i < n; i++) at[i] = v; }  \
    void take_##type(volatile type *at, type *to, int n) { for (int i = 0; i < n; i++) to[i] = *at; } \
    void both_##type(volatile type *at, volatile type *to) { *to = *at; }                          \
    void pass_##type(volatile type *at) { use((u64)*at); use_two((u32)*at, (u32)*at); }

#define CHANGE(type, name, becomes)                                                               \
    void name##_to_##type(volatile type *at, type v) { *at becomes v; }                           \
    void name##_one_##type(volatile type *at) { *at becomes 1; }                                  \
    void name##_byte_##type(volatile type *at) { *at becomes 0x55; }                              \
    void name##_long_##type(volatile type *at) { *at becomes (type)0x12345678; }                  \
    type name##_from_##type(volatile type *at, type v) { v becomes *at; return v; }

#define SHIFT(type, name, becomes)                                                                \
    void name##_by_##type(volatile type *at, int v) { *at becomes v; }                            \
    void name##_1_##type(volatile type *at) { *at becomes 1; }                                    \
    void name##_3_##type(volatile type *at) { *at becomes 3; }

#define ONE(type)                                                                                  \
    void inc_##type(volatile type *at) { ++*at; }                                                  \
    void dec_##type(volatile type *at) { --*at; }                                                  \
    void not_##type(volatile type *at) { *at = (type)~*at; }                                       \
    void neg_##type(volatile type *at) { *at = (type)-*at; }

#define ASK(type)                                                                                  \
    int is_##type(volatile type *at, type v) { return *at == v; }                                  \
    int less_##type(volatile type *at, type v) { return *at < v; }                                 \
    int more_##type(volatile type *at, type v) { return v < *at; }                                 \
    int is_const_##type(volatile type *at) { return *at == 100; }                                  \
    int is_zero_##type(volatile type *at) { return !*at; }                                         \
    int any_##type(volatile type *at, type mask) { return (*at & mask) != 0; }                     \
    int bit_##type(volatile type *at) { return (*at & 0x40) != 0; }                                \
    int bit_n_##type(volatile type *at, int n) { return (int)(*at >> n & 1); }                     \
    int sign_##type(volatile type *at) { return (s64)(s8)*at < 0; }                                \
    void wait_##type(volatile type *at) { while (!(*at & 8)) ; }                                   \
    type choose_##type(volatile type *at, type v, int i) { type r = *at; return i > 3 ? r : v; }   \
    void set_##type(volatile type *at, int a, int b) { *at = (type)(a < b); }                      \
    void set_bit_##type(volatile type *at, int n) { *at |= (type)((type)1 << n); }                 \
    void clear_bit_##type(volatile type *at, int n) { *at &= (type)~((type)1 << n); }              \
    void flip_bit_##type(volatile type *at, int n) { *at ^= (type)((type)1 << n); }                \
    void set_bit_7_##type(volatile type *at) { *at |= 0x80; }                                      \
    type times_##type(volatile type *at, type v) { return (type)(*at * v); }                       \
    type times_1000_##type(volatile type *at) { return (type)(*at * 1000); }

#define ATOMIC(type)                                                                               \
    type swap_##type(type *at, type v) { return __atomic_exchange_n(at, v, 5); }                   \
    type fetch_add_##type(type *at, type v) { return __atomic_fetch_add(at, v, 5); }               \
    void lock_or_##type(type *at, type v) { __atomic_fetch_or(at, v, 5); }                         \
    void lock_inc_##type(type *at) { __atomic_fetch_add(at, 1, 5); }                               \
    int lock_dec_##type(type *at) { return __atomic_sub_fetch(at, 1, 5) == 0; }                    \
    int lock_bit_##type(type *at) { return (__atomic_fetch_or(at, 8, 5) & 8) != 0; }               \
    type compare_##type(type *at, type old, type v)                                                \
    { __atomic_compare_exchange_n(at, &old, v, 0, 5, 5); return old; }

#define ALL(type)                                                                                  \
    PLAIN(type) CHANGE(type, add, +=) CHANGE(type, sub, -=) CHANGE(type, and, &=)                  \
    CHANGE(type, or, |=) CHANGE(type, xor, ^=) SHIFT(type, shl, <<=) SHIFT(type, shr, >>=)         \
    ONE(type) ASK(type) ATOMIC(type)

BOTH_SIGNS(u8, u16) BOTH_SIGNS(u8, u32) BOTH_SIGNS(u8, u64)
BOTH_SIGNS(s8, s16) BOTH_SIGNS(s8, s32) BOTH_SIGNS(s8, s64)
BOTH_SIGNS(u16, u32) BOTH_SIGNS(u16, u64) BOTH_SIGNS(s16, s32) BOTH_SIGNS(s16, s64)
BOTH_SIGNS(u32, u64) BOTH_SIGNS(s32, s64)
BOTH_SIGNS(u8, u8) BOTH_SIGNS(u16, u16) BOTH_SIGNS(u32, u32) BOTH_SIGNS(u64, u64)
ALL(u8) ALL(u16) ALL(u32) ALL(s8) ALL(s16) ALL(s32) ALL(u64) ALL(s64)

u16 swapped_16(volatile u16 *at) { return __builtin_bswap16(*at); }
u32 swapped_32(volatile u32 *at) { return __builtin_bswap32(*at); }
u64 swapped_64(volatile u64 *at) { return __builtin_bswap64(*at); }
void swapped_store_16(volatile u16 *at, u16 v) { *at = __builtin_bswap16(v); }
void swapped_store_32(volatile u32 *at, u32 v) { *at = __builtin_bswap32(v); }
void swapped_store_64(volatile u64 *at, u64 v) { *at = __builtin_bswap64(v); }
int first_bit(volatile u32 *at) { return __builtin_ctz(*at); }
int last_bit(volatile u32 *at) { return 31 - __builtin_clz(*at); }
int bits(volatile u32 *at) { return __builtin_popcount(*at); }
u32 divided(volatile u32 *at, u32 v) { return v / *at + *at / 7; }

/* As operating systems write them. */
u32 readl(const volatile void *at)
{
    u32 v;
    __asm__ volatile("movl %1,%0" : "=r"(v) : "m"(*(volatile u32 *)at) : "memory");
    return v;
}
void writel(u32 v, volatile void *at)
{
    __asm__ volatile("movl %0,%1" : : "r"(v), "m"(*(volatile u32 *)at) : "memory");
}
void copy_long(void *to, const void *from, unsigned long n)
{
    __asm__ volatile("rep ; movsl" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}
void copy_byte(void *to, const void *from, unsigned long n)
{
    __asm__ volatile("rep ; movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}
void set_byte(void *to, int v, unsigned long n)
{
    __asm__ volatile("rep ; stosb" : "+D"(to), "+c"(n) : "a"(v) : "memory");
}
int compare_bytes(const void *a, const void *b, unsigned long n)
{
    __asm__ volatile("repe ; cmpsb" : "+D"(a), "+S"(b), "+c"(n) : : "memory", "cc");
    return (int)n;
}
