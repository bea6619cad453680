/* Writes the readings of a made-up fleet to stdout, as fast as a receiver can take them.

   readings --meters N --readings R [--skip S] [--format line-protocol|ndjson|csv] [--late PERMILLE]
            [--duplicates PERMILLE] [--seed X] [--about FILE]
   readings --meters N --declare FLAT_PRICE

   Each meter is read once a quarter of an hour from 2025-01-01 UTC on, up to 8 s late by its own clock: a register in
   Wh that only rises. Households, shops, roofs with solar cells, flat loads and a few vacant ones. Meters stand behind
   concentrators of 200, each of which is polled at another moment of every quarter, so the lines of a quarter come
   interleaved. Late ones come up to a day after their time, duplicates some minutes after the first.

   The same arguments give the same bytes anywhere: integers alone, no clock, no libc random numbers. Memory is that of
   two days' late lines and 32 MiB, however long the output. --skip leaves out the first quarters, so that runs can be
   joined. --about writes as JSON how many lines of what kind there were, the least that an encoder could spend on them
   (order-0 entropy of jitter, and of steps among meters of the same size), and the first and last value of some. */

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

enum { QUARTER = 900, PER_CONCENTRATOR = 200, DAY_QUARTERS = 96, RING = 128, CLASSES = 24, STEPS = 8192, SAMPLES = 16 };
static const uint32_t firstSecond = 1735689600;

typedef struct { uint32_t meter, second; int64_t value; uint16_t moment; } Line;
typedef struct { Line *lines; size_t count, room; } Lines;
typedef enum { LINE_PROTOCOL, NDJSON, CSV } Format;

static uint64_t seed = 1;

static uint64_t scramble(uint64_t x) {
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static uint64_t chance(uint64_t what, uint64_t meter, uint64_t quarter) {
    return scramble(seed * 0x2545F4914F6CDD1Du ^ scramble(what << 56 ^ meter << 24 ^ quarter));
}

static void *room(void *old, size_t bytes) {
    void *new = realloc(old, bytes);
    if (!new) fail("readings: memory");
    return new;
}

static void add(Lines *to, Line line) {
    if (to->count == to->room) to->lines = room(to->lines, (to->room = to->room * 2 + 64) * sizeof(Line));
    to->lines[to->count++] = line;
}

/* Consumption, in mWh a quarter. */

typedef enum { VACANT, FLAT, SHOP, SOLAR, HOME } Kind;

static Kind kindOf(uint32_t meter) {
    uint64_t of100 = chance(1, meter, 0) % 100;
    return of100 < 2 ? VACANT : of100 < 5 ? FLAT : of100 < 10 ? SHOP : of100 < 22 ? SOLAR : HOME;
}

/* Many small ones, few large: 20 Wh a quarter and up, doubled so often as a coin says, and some in between. */
static int64_t levelOf(uint32_t meter) {
    uint64_t draw = chance(2, meter, 0);
    int64_t level = 20000 + (int64_t)(draw % 45000);
    for (int i = 0; i < 4 && (draw >> (32 + i) & 1); i++)
        level += level * (int64_t)(60 + (draw >> (40 + 4 * i) & 15)) / 100;
    return level;
}

/* Per cent of the level by hour of day, of homes and of shops. */
static const uint8_t homeHours[25] = {50, 42, 40, 40, 44, 60, 105, 140, 115, 90, 84, 92, 100,
                                      92, 84, 92, 120, 160, 190, 185, 160, 125, 95, 68, 50};
static const uint8_t shopHours[25] = {30, 30, 30, 30, 32, 40, 70, 130, 170, 185, 190, 190, 180,
                                      185, 190, 185, 175, 150, 110, 70, 50, 40, 34, 30, 30};

static int64_t curve(const uint8_t hours[25], uint32_t quarter) {
    uint32_t hour = quarter / 4 % 24, part = quarter % 4;
    return (hours[hour] * (int64_t)(4 - part) + hours[hour + 1] * (int64_t)part) / 4;
}

static int64_t consumption(uint32_t meter, Kind kind, int64_t level, uint32_t quarter) {
    uint64_t draw = chance(3, meter, quarter);
    int64_t noise = 600 + (int64_t)(draw % 801);  /* of 1000 */
    uint32_t day = quarter / DAY_QUARTERS, hour = quarter / 4 % 24;
    if (kind == VACANT) return 0;
    if (kind == FLAT) return level + (int64_t)(draw >> 20 & 4095);
    if (kind == SHOP) return level * 3 * (day % 7 == 4 ? 32 : curve(shopHours, quarter)) / 100 * noise / 1000;
    int64_t used = level * curve(homeHours, quarter) / 100 * noise / 1000;
    if (chance(4, meter, day / 7) % 100 < 3) return used / 6;  /* nobody at home this week */
    if ((draw >> 32) % 100 < 5) used += 120000 + (int64_t)((draw >> 40) % 450000);  /* something that heats */
    if (kind == SOLAR && hour >= 9 && hour < 16) used = chance(5, meter / PER_CONCENTRATOR, day) % 3 ? 0 : used / 2;
    return used;
}

/* Output. A thread of its own writes pieces that are full, so that some are ahead when a quarter is being made: a
   sender at a fixed rate is then not kept waiting. */

enum { PIECE = 1 << 20, PIECES = 32 };
static char pieces[PIECES][PIECE], *out = pieces[0];
static size_t pieceCounts[PIECES], outCount, filled, written;
static int isWhole;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void *drain(void *unused) {
    for (;;) {
        pthread_mutex_lock(&lock);
        while (written == filled && !isWhole) pthread_cond_wait(&changed, &lock);
        int isDone = written == filled;
        size_t place = written % PIECES;
        pthread_mutex_unlock(&lock);
        if (isDone) return unused;
        if (fwrite(pieces[place], 1, pieceCounts[place], stdout) != pieceCounts[place] || fflush(stdout))
            fail("readings: stdout");
        pthread_mutex_lock(&lock);
        written++;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
    }
}

static void flush(void) {
    pthread_mutex_lock(&lock);
    pieceCounts[filled++ % PIECES] = outCount;
    pthread_cond_signal(&changed);
    while (filled - written == PIECES) pthread_cond_wait(&changed, &lock);
    out = pieces[filled % PIECES];
    outCount = 0;
    pthread_mutex_unlock(&lock);
}

/* Text. */

static char *number(char *to, uint64_t value) {
    char digits[20];
    int count = 0;
    do digits[count++] = (char)('0' + value % 10);
    while (value /= 10);
    while (count) *to++ = digits[--count];
    return to;
}

static char *text(char *to, const char *text) {
    size_t count = strlen(text);
    memcpy(to, text, count);
    return to + count;
}

static char *padded(char *to, uint32_t value, int width) {
    for (int i = width - 1; i >= 0; i--, value /= 10) to[i] = (char)('0' + value % 10);
    return to + width;
}

static char *device(char *to, uint32_t meter) {
    *to++ = 'm';
    return padded(to, meter, 7);
}

static char *instant(char *to, uint32_t second) {
    static uint32_t knownDay = UINT32_MAX;
    static char date[12];
    uint32_t day = second / 86400, rest = second % 86400;
    if (day != knownDay) {  /* the civil date of a day since 1970, by eras of 400 years that begin in March */
        uint32_t since = day + 719468, era = since / 146097, ofEra = since % 146097;
        uint32_t year = (ofEra - ofEra / 1460 + ofEra / 36524 - ofEra / 146096) / 365;
        uint32_t ofYear = ofEra - (365 * year + year / 4 - year / 100), shifted = (5 * ofYear + 2) / 153;
        uint32_t month = shifted < 10 ? shifted + 3 : shifted - 9;
        char *end = padded(date, era * 400 + year + (month <= 2), 4);
        *end++ = '-';
        end = padded(end, month, 2);
        *end++ = '-';
        end = padded(end, ofYear - (153 * shifted + 2) / 5 + 1, 2);
        *end = 'T';
        knownDay = day;
    }
    memcpy(to, date, 11);
    to = padded(to + 11, rest / 3600, 2);
    *to++ = ':';
    to = padded(to, rest / 60 % 60, 2);
    *to++ = ':';
    to = padded(to, rest % 60, 2);
    *to++ = 'Z';
    return to;
}

/* Members in an order that changes from line to line. */
static char *object(char *to, const Line *line, uint64_t lineNumber) {
    static const char orders[6][4] = {"dtv", "dvt", "tdv", "tvd", "vdt", "vtd"};
    const char *order = orders[scramble(lineNumber) % 6];
    for (int i = 0; i < 3; i++) {
        *to++ = i ? ',' : '{';
        if (order[i] == 'd') to = text(device(text(to, "\"device\":\""), line->meter), "\"");
        if (order[i] == 't') to = text(instant(text(to, "\"readAt\":\""), line->second), "\"");
        if (order[i] == 'v') to = number(text(to, "\"value\":"), (uint64_t)line->value);
    }
    return text(to, "}\n");
}

static void write(const Line *line, Format format, uint64_t lineNumber) {
    if (outCount + 256 > PIECE) flush();
    char *to = out + outCount;
    if (format == LINE_PROTOCOL) {
        to = number(text(device(text(to, "meter,device="), line->meter), " value="), (uint64_t)line->value);
        to = text(number(text(to, "i "), line->second), "\n");
    } else if (format == CSV) {
        to = text(instant(text(device(to, line->meter), ","), line->second), ",");
        to = text(number(to, (uint64_t)line->value), "\n");
    } else {
        to = object(to, line, lineNumber);
    }
    outCount = (size_t)(to - out);
}

/* The lines of a quarter, by the moment at which they come; those of a moment stay in their order. */
static void sortByMoment(const Lines *from, Lines *to) {
    uint32_t starts[QUARTER + 1] = {0};
    if (to->room < from->count) to->lines = room(to->lines, (to->room = from->count) * sizeof(Line));
    for (size_t i = 0; i < from->count; i++) starts[from->lines[i].moment + 1]++;
    for (int i = 0; i < QUARTER; i++) starts[i + 1] += starts[i];
    for (size_t i = 0; i < from->count; i++) to->lines[starts[from->lines[i].moment]++] = from->lines[i];
    to->count = from->count;
}

/* Bits that the symbols of a histogram need together. */
static double bits(const uint64_t *counts, size_t kinds) {
    double all = 0, sum = 0;
    for (size_t i = 0; i < kinds; i++) all += (double)counts[i];
    for (size_t i = 0; i < kinds; i++) if (counts[i]) sum -= (double)counts[i] * log2((double)counts[i] / all);
    return sum;
}

static void declare(uint32_t meters, const char *price) {
    printf("{\"event\":\"TariffPublished\",\"tariff\":\"flat\",\"unit\":\"kWh\",\"currency\":\"EUR\","
           "\"versions\":[{\"from\":\"2020-01-01\",\"default\":\"%s\"}]}\n", price);
    for (uint32_t meter = 0; meter < meters; meter++)
        printf("{\"event\":\"DeviceRegistered\",\"device\":\"m%07u\",\"utility\":\"electricity\",\"unit\":\"Wh\","
               "\"tariff\":\"flat\",\"from\":\"2020-01-01\"}\n", meter);
}

typedef struct {
    uint64_t lines, late, duplicates, jitter[16], steps[CLASSES][STEPS];
    int64_t first[SAMPLES], last[SAMPLES];
    uint32_t samples[SAMPLES];
} About;

static void writeAbout(const About *about, const char *path, uint64_t readings) {
    FILE *file = fopen(path, "w");
    if (!file) fail(path);
    double all = bits(about->jitter, 16);
    for (int i = 0; i < CLASSES; i++) all += bits(about->steps[i], STEPS);
    fprintf(file, "{\"lines\":%llu,\"readings\":%llu,\"late\":%llu,\"duplicates\":%llu,",
            (unsigned long long)about->lines, (unsigned long long)readings,
            (unsigned long long)about->late, (unsigned long long)about->duplicates);
    fprintf(file, "\"entropyBytes\":%.3f,\"samples\":[", all / 8 / (double)(readings ? readings : 1));
    for (int i = 0; i < SAMPLES; i++)
        fprintf(file, "%s{\"device\":\"m%07u\",\"first\":%lld,\"last\":%lld}", i ? "," : "", about->samples[i],
                (long long)about->first[i], (long long)about->last[i]);
    fprintf(file, "]}\n");
    if (fclose(file)) fail(path);
}

int main(int count, char **arguments) {
    uint32_t meters = 1000, readings = 100, skip = 0, late = 5, duplicates = 1;
    const char *aboutPath = NULL, *price = NULL;
    Format format = LINE_PROTOCOL;
    for (int i = 1; i + 1 < count; i += 2) {
        const char *name = arguments[i], *value = arguments[i + 1];
        if (!strcmp(name, "--meters")) meters = (uint32_t)atol(value);
        else if (!strcmp(name, "--readings")) readings = (uint32_t)atol(value);
        else if (!strcmp(name, "--skip")) skip = (uint32_t)atol(value);
        else if (!strcmp(name, "--late")) late = (uint32_t)atol(value);
        else if (!strcmp(name, "--duplicates")) duplicates = (uint32_t)atol(value);
        else if (!strcmp(name, "--seed")) seed = strtoull(value, NULL, 10);
        else if (!strcmp(name, "--about")) aboutPath = value;
        else if (!strcmp(name, "--declare")) price = value;
        else if (!strcmp(name, "--format")) format = value[0] == 'n' ? NDJSON : value[0] == 'c' ? CSV : LINE_PROTOCOL;
        else return fprintf(stderr, "readings: unknown argument %s\n", name), 64;
    }
    if (!meters || !readings) return fprintf(stderr, "readings: nothing to write\n"), 64;
    if (price) return declare(meters, price), fclose(stdout) ? 1 : 0;

    Kind *kinds = room(NULL, meters * sizeof *kinds);
    int64_t *levels = room(NULL, meters * sizeof *levels), *registers = room(NULL, meters * sizeof *registers);
    uint8_t *classes = room(NULL, meters);
    for (uint32_t meter = 0; meter < meters; meter++) {
        kinds[meter] = kindOf(meter);
        levels[meter] = levelOf(meter);
        registers[meter] = (int64_t)(chance(6, meter, 0) % 50000000) * 1000;
        classes[meter] = 0;
        while (classes[meter] < CLASSES - 1 && levels[meter] > 20000 + 8000 * classes[meter]) classes[meter]++;
        if (kinds[meter] == VACANT) classes[meter] = 0;
        for (uint32_t quarter = 0; quarter < skip; quarter++)
            registers[meter] += consumption(meter, kinds[meter], levels[meter], quarter);
    }
    About *about = room(NULL, sizeof *about);
    memset(about, 0, sizeof *about);
    for (uint32_t i = 0; i < SAMPLES; i++) about->samples[i] = (uint32_t)((uint64_t)i * meters / SAMPLES);

    pthread_t writer;
    if (pthread_create(&writer, NULL, drain, NULL)) fail("readings: thread");
    static Lines ring[RING];
    Lines sorted = {0};
    if (format == CSV) outCount = (size_t)(text(out, "device,readAt,value\n") - out);
    for (uint32_t quarter = skip; quarter < skip + readings + RING; quarter++) {
        Lines *now = &ring[quarter % RING];
        for (uint32_t meter = 0; quarter < skip + readings && meter < meters; meter++) {
            uint64_t draw = chance(7, meter, quarter);
            int64_t used = consumption(meter, kinds[meter], levels[meter], quarter), before = registers[meter] / 1000;
            uint32_t jitter = (uint32_t)(draw % 5 + (draw >> 8) % 5), concentrator = meter / PER_CONCENTRATOR;
            registers[meter] += used;
            Line line = {meter, firstSecond + quarter * QUARTER + jitter, registers[meter] / 1000, 0};
            line.moment = (uint16_t)(12 + chance(8, concentrator, quarter) % 860 + meter % PER_CONCENTRATOR / 10);
            about->jitter[jitter]++;
            int64_t step = line.value - before;
            about->steps[classes[meter]][step < STEPS ? step : STEPS - 1]++;
            if ((draw >> 16) % 1000 < late) {
                line.moment = (uint16_t)((draw >> 48) % QUARTER);
                add(&ring[(quarter + 1 + (draw >> 32) % (DAY_QUARTERS - 1)) % RING], line);
                about->late++;
            } else {
                add(now, line);
            }
            if (duplicates && chance(9, meter, quarter) % 1000 < duplicates) {
                line.moment = (uint16_t)((draw >> 40) % QUARTER);
                add(&ring[(quarter + 1 + (draw >> 32) % (DAY_QUARTERS - 1) + 1) % RING], line);
                about->duplicates++;
            }
        }
        for (int i = 0; i < SAMPLES && quarter < skip + readings; i++) {
            about->last[i] = registers[about->samples[i]] / 1000;
            if (quarter == skip) about->first[i] = about->last[i];
        }
        sortByMoment(now, &sorted);
        for (size_t i = 0; i < sorted.count; i++) write(&sorted.lines[i], format, about->lines++);
        now->count = 0;
    }
    flush();
    pthread_mutex_lock(&lock);
    isWhole = 1;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(writer, NULL);
    if (aboutPath) writeAbout(about, aboutPath, (uint64_t)meters * readings);  /* there when stdout ends */
    if (fclose(stdout)) fail("readings: stdout");
    return 0;
}
