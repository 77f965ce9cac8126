<?php

namespace App\Http\Controllers;

use App\Http\Resources\RecipeResource;
use App\Jobs\ResizePhoto;
use App\Models\Ingredient;
use App\Models\Recipe;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use Illuminate\Http\Resources\Json\AnonymousResourceCollection;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Str;
use Illuminate\Validation\Rule;

class RecipeController extends Controller
{
    public function __construct()
    {
        $this->middleware('auth:sanctum')->except(['index', 'show']);
        $this->authorizeResource(Recipe::class, 'recipe');
    }

    public function index(Request $request): AnonymousResourceCollection
    {
        $recipes = Recipe::query()
            ->with(['author:id,name', 'ingredients'])
            ->when($request->query('diet'), fn ($query, $diet) => $query->where('diet', $diet))
            ->when($request->boolean('quick'), fn ($query) => $query->where('minutes', '<=', 30))
            ->when($request->query('without'), function ($query, $names) {
                // "without" takes a list of allergens: ?without=nuts,milk
                $query->whereDoesntHave('ingredients', fn ($q) => $q->whereIn('allergen', explode(',', $names)));
            })
            ->latest('published_at')
            ->paginate(24)
            ->withQueryString();

        return RecipeResource::collection($recipes);
    }

    public function show(Recipe $recipe): RecipeResource
    {
        $recipe->increment('views');

        return new RecipeResource($recipe->loadMissing('author', 'ingredients', 'comments.author'));
    }

    public function store(Request $request): JsonResponse
    {
        $data = $request->validate([
            'title' => ['required', 'string', 'min:4', 'max:120'],
            'minutes' => ['required', 'integer', 'between:1,2880'],
            'diet' => ['nullable', Rule::in(['vegan', 'vegetarian'])],
            'ingredients' => ['required', 'array', 'min:1'],
            'ingredients.*.name' => ['required', 'string', 'distinct:ignore_case'],
            'ingredients.*.grams' => ['required', 'numeric', 'gt:0'],
            'photo' => ['sometimes', 'image', 'max:8192'],
        ]);

        $recipe = DB::transaction(function () use ($data, $request) {
            $recipe = $request->user()->recipes()->create([
                ...collect($data)->only(['title', 'minutes', 'diet'])->all(),
                'slug' => Str::slug($data['title']) . '-' . Str::lower(Str::random(5)),
            ]);

            foreach ($data['ingredients'] as $position => ['name' => $name, 'grams' => $grams]) {
                $ingredient = Ingredient::firstOrCreate(['name' => Str::lower(trim($name))]);
                $recipe->ingredients()->attach($ingredient, compact('grams', 'position'));
            }

            return $recipe;
        });

        if ($photo = $request->file('photo')) {
            ResizePhoto::dispatch($recipe, $photo->store('incoming'))->afterResponse();
        }

        return (new RecipeResource($recipe))->response()->setStatusCode(201);
    }

    public function destroy(Recipe $recipe)
    {
        $recipe->delete();

        return response()->noContent();
    }
}
